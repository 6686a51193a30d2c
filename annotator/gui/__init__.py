"""The window: panels that take a session, own nothing and know no other panel."""

# Before Qt: PySide6 6.12 reads the source of each module that is imported after it, and pydantic's
# modules, which load each other on demand, do not survive that.
import pydantic.fields
import pydantic.main  # noqa: F401
