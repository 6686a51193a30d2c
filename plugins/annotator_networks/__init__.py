"""Networks that a user brings: their formats, and the models that follow prompts.

Importing this package imports nothing heavy: each entry is loaded when it is first called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.api import Plugin

if TYPE_CHECKING:
    from annotator.api import NetworkFormat, PromptModel


def _nnunet() -> NetworkFormat:
    from annotator_networks.nnunet import NnUNetFormat

    return NnUNetFormat()


def _monai_bundle() -> NetworkFormat:
    from annotator_networks.monai_bundle import MonaiBundleFormat

    return MonaiBundleFormat()


def _torch_export() -> NetworkFormat:
    from annotator_networks.exported import ExportedFormat

    return ExportedFormat()


def _onnx() -> NetworkFormat:
    from annotator_networks.onnx_file import OnnxFormat

    return OnnxFormat()


def _plain_torch() -> NetworkFormat:
    from annotator_networks.plain_torch import PlainTorchFormat

    return PlainTorchFormat()


def _torchscript() -> NetworkFormat:
    from annotator_networks.torchscript import TorchScriptFormat

    return TorchScriptFormat()


def _lite_medsam() -> PromptModel:
    from annotator_networks.lite_medsam import LiteMedSam

    return LiteMedSam()


def _sam_onnx() -> PromptModel:
    from annotator_networks.sam_onnx import SamOnnx

    return SamOnnx()


def _nn_interactive() -> PromptModel:
    from annotator_networks.nn_interactive import NnInteractive

    return NnInteractive()


plugin = Plugin(
    name="annotator_networks",
    network_formats=(
        _nnunet,
        _monai_bundle,
        _torch_export,
        _torchscript,
        _onnx,
        _plain_torch,
    ),
    prompt_models=(_lite_medsam, _sam_onnx, _nn_interactive),
)
