"""`python -m retable` is `retable`."""

from retable.cli.main import main

raise SystemExit(main())
