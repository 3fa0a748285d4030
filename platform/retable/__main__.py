"""`python -m retable` is `retable`."""

from retable.cli import main

raise SystemExit(main())
