"""The report's methods, written from what was done; its main results and its terms in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from annotator.jobs.report_content import Paragraph, Section, Terms
from annotator.jobs.report_marks import methods_of_marks, summary_of_marks
from annotator.jobs.report_words import (
    counted_noun,
    day,
    drawn_pixels,
    listed,
    mean_in_words,
    number,
)

if TYPE_CHECKING:
    from annotator.jobs.agreement_facts import AgreementReport, FusionFacts, LabelRow, QuestionRow

_TERMS = (
    ("Dice", "Twice the part that two drawings share, over the sum of both: 1 where they are the "
     "same, 0 where they do not touch. It is left out where neither drew the structure. "
     "Dice (1945), Ecology 26."),
    ("IoU", "The part that two drawings share over the part that either covers (intersection over "
     "union, Jaccard index); always at most Dice. Jaccard (1912), New Phytologist 11."),
    ("Agreed share", "How much of what anybody drew everybody drew: the intersection of all "
     "drawings over their union. It falls with each further rater."),
    ("Cohen's kappa", "Agreement voxel by voxel, or answer by answer, beyond what chance would "
     "give: 1 is full agreement, 0 is chance. For drawings it is taken over the voxels within "
     "three voxels of any drawing of the structure: over the whole image it would grow with "
     "its empty part. "
     "Cohen (1960), Educational and Psychological Measurement 20."),
    ("Gwet's AC1", "Agreement beyond chance that stays stable where one answer is far more common "
     "than the others, where kappa falls although raters nearly always agree. Gwet (2008), "
     "British Journal of Mathematical and Statistical Psychology 61."),
    ("Fleiss' kappa, Krippendorff's alpha", "Agreement beyond chance of more than two raters on an "
     "answer; alpha allows for missing answers and, for numbers, for how far apart they are. "
     "Fleiss (1971), Psychological Bulletin 76; Krippendorff (1970), Educational and "
     "Psychological Measurement 30."),
    ("HD95", "The distance that 95 % of one surface does not exceed to the other surface, the "
     "larger of both directions: how far apart outlines get, without the worst 5 %."),
    ("Mean surface distance", "The average distance of each point of either surface to the other."),
    ("Surface Dice", "The share of both surfaces that lies no farther than a tolerance from the "
     "other (normalised surface distance): 1 where all of it does. Nikolov et al. (2021), Journal "
     "of Medical Internet Research 23."),
    ("ICC", "Intraclass correlation: how much of the spread in size lies between cases rather than "
     "between raters. ICC(A,1): one rater is as good as another, systematic differences count "
     "against it; ICC(C,1): they do not; ICC(1,1): raters differ from case to case; k in place "
     "of 1: for the mean of all raters. McGraw & Wong (1996), Psychological Methods 1; they are "
     "ICC(2,1), ICC(3,1) and ICC(1,1) in Shrout & Fleiss (1979), Psychological Bulletin 86."),
    ("Bias, limits of agreement", "The mean difference of two raters' sizes, and the range where "
     "95 % of differences are expected: bias ± 1.96 standard deviations. Proportional bias: "
     "how much the difference changes for each unit of size. Bland & Altman (1999), Statistical "
     "Methods in Medical Research 8."),
    ("Within-case SD, repeatability", "The standard deviation of the sizes that raters drew in the "
     "same case; two of these raters differ by less than the repeatability coefficient, "
     "1.96 × √2 × that, in 95 % of cases."),
    ("Calibration error (ECE, ACE)", "The average gap between a probability and how often it came "
     "true, over ten bins of equal width (ECE) or of equally many voxels (ACE): 0 is best. "
     "Naeini et al. (2015), AAAI; Nixon et al. (2019), CVPR workshops."),
    ("Brier score, log loss", "Average penalties for a probability: the squared gap to what was "
     "so, and minus the logarithm of what was said of it; 0 is best. Probabilities are kept 10⁻⁶ "
     "away from 0 and 1 in the logarithm."),
    ("Soft Dice", "Dice of a map of probability with the share of raters, both cut at 0.1, 0.3, "
     "0.5, 0.7 and 0.9, averaged. Ji et al. (2021), CVPR."),
    ("CRPS", "How far one size is from all sizes that raters drew, less half of how far those are "
     "from each other: 0 is best, in the unit of the size. Gneiting & Raftery (2007), Journal "
     "of the American Statistical Association 102."),
    ("Energy distance", "How far apart two groups of drawings lie, with 1 − IoU as the distance, "
     "less how far the members of each lie from each other: 0 for the same group twice. The "
     "biased form counts a drawing's distance 0 to itself, the unbiased does not. Kohl et al. "
     "(2018), NeurIPS."),
    ("Geometric median", "The place with the least sum of distances to the raters' places: one "
     "rater who is far off hardly moves it. Weiszfeld (1937), Tôhoku Mathematical Journal 43."),
    ("Within 2 mm, 2.5, 3, 4", "The share of landmarks that were set no farther from the consensus "
     "of the other raters (success detection rate). Wang et al. (2015), IEEE Transactions on "
     "Medical Imaging 34."),
    ("Precision, recall, F1", "Of marks that were paired: the share of the second rater's that the "
     "first has too, the share of the first's that the second has, and twice the paired over all "
     "marks of both. Dice (1945) for marks in place of voxels."),
    ("95 % interval", "The range that would hold the true value in 95 of 100 repetitions of the "
     "study. Where an interval is “over cases”, cases were drawn again and again with "
     "replacement (bootstrap), never voxels, which are not independent."),
)  # fmt: skip


def summary(report: AgreementReport) -> Section:
    """Return the main results, one sentence each."""
    blocks = [Paragraph(text=_agreement_sentence(report, row)) for row in report.labels]
    blocks += [
        Paragraph(
            text=f"Size of {report.label_name(row.label)}: ICC(A,1) "
            f"{mean_in_words(row.icc_bootstrap, 2)} over "
            f"{counted_noun(row.icc_bootstrap.n_cases, 'case')} that every rater read."
        )
        for row in report.sizes
        if row.icc_bootstrap.value is not None
    ]
    blocks += [Paragraph(text=text) for text in summary_of_marks(report)]
    blocks += [
        Paragraph(text=_answer_sentence(row))
        for row in report.questions
        if row.agreement.value is not None
    ]
    blocks.append(
        Paragraph(
            text="Numbers in brackets are 95 % intervals over cases. Every term is explained at "
            "the end.",
            is_note=True,
        )
    )
    return Section(key="summary", title="In short", blocks=tuple(blocks))


def _agreement_sentence(report: AgreementReport, row: LabelRow) -> str:
    text = (
        f"{report.label_name(row.label)}: two raters share a mean Dice of "
        f"{mean_in_words(row.dice, 2)} over {counted_noun(row.dice.n_cases, 'case')}"
    )
    if row.mean_surface_mm.value is not None:
        text += (
            f"; their outlines lie {mean_in_words(row.mean_surface_mm, 2)} mm apart on average"
            f" (measured in {counted_noun(row.mean_surface_mm.n_cases, 'case')})"
        )
    return text + "."


def _answer_sentence(row: QuestionRow) -> str:
    beyond = (
        f"Krippendorff's alpha {mean_in_words(row.alpha, 2)}"
        if row.alpha.value is not None
        else "all answers are the same, so that agreement beyond chance is undefined"
    )
    share = number(None if row.agreement.value is None else 100 * row.agreement.value, 0)
    return (
        f"“{row.title}”: two raters gave the same answer in {share} % of comparisons; {beyond}; "
        f"{counted_noun(row.n_cases, 'case')}."
    )


def methods(report: AgreementReport) -> Section:
    """Return what was done, so that another could do it again."""
    is_drawn = bool(report.labels) or report.marks.is_empty
    paragraphs = [
        _readings(report),
        _comparison(report) if is_drawn else "",
        _distances(report),
        methods_of_marks(report),
        _fusions(report) if is_drawn else "",
        _probabilities(report),
        _intervals(report),
    ]
    return Section(
        key="methods",
        title="Methods",
        blocks=tuple(Paragraph(text=text) for text in paragraphs if text),
    )


def terms() -> Section:
    """Return what every number means and where its definition comes from."""
    return Section(key="terms", title="What the numbers mean", blocks=(Terms(entries=_TERMS),))


def _readings(report: AgreementReport) -> str:
    about = report.about
    people = [rater for rater in about.raters if not rater.is_model]
    models = [rater for rater in about.raters if rater.is_model]
    labels = listed([label.name for label in about.labels]) or "nothing"
    did = f"drew {labels}" if about.labels or report.marks.is_empty else "set marks"
    text = (
        f"The project “{about.title}” holds {counted_noun(about.n_cases_in_project, 'case')}; "
        f"{about.n_cases} with two or more submitted readings "
        f"{'is' if about.n_cases == 1 else 'are'} compared here. "
        f"{counted_noun(len(people), 'person', 'people')} {did}, "
        f"and submitted {counted_noun(sum(rater.n_readings for rater in people), 'reading')}. "
        "The program shows a rater nothing of the others before all is submitted; drawings that "
        "were brought in from elsewhere are as they came. Of each rater the latest submitted "
        "reading of a case counts. "
    )
    if models:
        text += f"{counted_noun(len(models), 'model')} read too. "
        text += (
            "Numbers over all raters are over people alone; models stand beside them. "
            if about.among == "people"
            else "Because fewer than two people read, numbers over all raters include models. "
        )
    elif not about.include_models:
        text += "Readings of models were not counted. "
    if about.left_out:
        text += f"Left out: {listed(about.left_out)}. "
    return text + _grid(report)


def _grid(report: AgreementReport) -> str:
    """Return how large voxels are; numbers and their unit stay on one line."""
    about = report.about
    if about.spacing_mm is None:
        return "No image says how large its pixels are."
    is_flat = about.n_two_dimensional == about.n_cases
    what, axes = ("Pixels", "row, column") if is_flat else ("Voxels", "slice, row, column")
    low, high = (
        "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}".join(number(size, 2) for size in one[is_flat:])
        + "\N{NO-BREAK SPACE}mm"
        for one in about.spacing_mm
    )
    if low == high:
        return f"{what} measure {low} ({axes})."
    return f"{what} measure from {low} to {high} ({axes})."


def _comparison(report: AgreementReport) -> str:
    units = sorted({row.unit for row in report.sizes})
    sizes = f" Sizes are in {listed([drawn_pixels(unit) for unit in units])}." if units else ""
    references = {row.reference for row in report.raters}
    text = (
        "Every two drawings of a case were compared structure by structure over all voxels of the "
        "grid on which they were drawn. A case counts with the mean of its pairs; numbers over "
        "cases are means of cases. Each rater was also held against the majority of the other "
        "raters (background where the vote is tied)"
    )
    if "signed-off" in references:
        text += ", against the mask that a reviewer signed off where there is one"
    if "fused" in references:
        text += (
            ", and against the fused mask, of which the rater's own drawing is a part, "
            "which flatters everyone a little"
        )
    return f"{text}.{sizes}"


def _distances(report: AgreementReport) -> str:
    about = report.about
    if not any(row.hd95_mm.n_cases for row in report.labels):
        return ""
    which = (
        "every case"
        if about.n_surface_cases == about.n_cases
        else f"{about.n_surface_cases} of the {about.n_cases} cases, drawn by lot"
    )
    return (
        f"Distances between outlines were measured in {which}, in mm, by this definition: "
        f"{about.surface_definition}. The surface Dice has a tolerance of "
        f"{number(about.tolerance_mm, 1)} mm. Distances are undefined where one of two raters did "
        "not draw the structure, and in images without a scale."
    )


def _fusions(report: AgreementReport) -> str:
    if not report.about.fusions:
        return (
            "No fusion of these readings is on record. Where a fused probability is spoken of, it "
            "is the share of raters who gave the label."
        )
    recipes = listed([_recipe(fusion) for fusion in report.about.fusions])
    return f"Readings were fused by {recipes}. The same recipe gives the same bytes."


def _recipe(fusion: FusionFacts) -> str:
    settings = [f"{name} = {_plain(value)}" for name, value in fusion.parameters]
    with_settings = f"; {', '.join(settings)}" if settings else ""
    return (
        f"{fusion.title} (method “{fusion.method}”, version {fusion.version}{with_settings}; "
        f"{counted_noun(fusion.n_cases, 'case')})"
    )


def _plain(value: str) -> str:
    read = json.loads(value)
    return read if isinstance(read, str) else value


def _probabilities(report: AgreementReport) -> str:
    if not report.calibration:
        return ""
    about = report.about
    targets = {row.target for row in report.calibration}
    text = (
        f"Fused probabilities were put to a test in the voxels within {number(about.band_mm, 1)} "
        "mm (pixels, in images without a scale) of an outline or of a voxel about which raters "
        "differ; elsewhere background would hide every error. "
    )
    if "signed-off" in targets:
        text += f"In {counted_noun(about.n_signed_off, 'case')} a signed-off mask was the truth. "
    if "left-out" in targets:
        text += (
            "Each rater in turn was left out, the others were fused by the same recipe, and the "
            "result was held against the rater left out; where a method cannot be repeated so, "
            "the share of the other raters stands for it. "
        )
    if "same-raters" in targets:
        text += (
            "For comparison the probability is also held against the very raters who were fused, "
            "which flatters it."
        )
    return text.strip()


def _intervals(report: AgreementReport) -> str:
    about = report.about
    return (
        f"Intervals are 95 % percentile intervals from {about.n_draws} bootstrap draws of whole "
        f"cases (numpy's default generator, seed {about.seed}); those of an ICC marked “F” are "
        "from the F distribution, those of Bland-Altman figures and of changes over time from the "
        "t distribution, those of a within-case SD from the chi-squared distribution. No "
        "correction was made for looking at several numbers. The report was made by annotator "
        f"{about.version} on {day(about.created_at)}; it holds no image and no drawing."
    )
