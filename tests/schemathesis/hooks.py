"""What schemathesis cannot know from the document alone: the formats that are our own.

How it is run is scripts/lib/check_control's business.
"""

import schemathesis
from hypothesis import strategies as st

# The reason of a close frame has at most 123 bytes of UTF-8 (RFC 6455 section 5.5); JSON Schema counts characters.
schemathesis.openapi.format(
    "close-reason",
    st.text(st.characters(codec="utf-8"), max_size=123).filter(lambda text: len(text.encode()) <= 123),
)
