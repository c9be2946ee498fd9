"""How long fuzzing runs: a short form for every change, and `FUZZ_SECONDS=1800 make fuzz`."""

import os

#: 0 = the short form.
LONG_SECONDS = int(os.environ.get("FUZZ_SECONDS", "0"))
#: No response may take longer. The short form shares its machine with other tests.
SLOWEST_SECONDS = 1.0 if LONG_SECONDS else 5.0
#: The short form sends one in this many of the requests with hostile values.
ONE_IN = 1 if LONG_SECONDS else int(os.environ.get("FUZZ_ONE_IN", "24"))
