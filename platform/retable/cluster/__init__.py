"""Runs studies on Ray: the only room that imports Ray. The command line calls it.

Ray reads its settings when it is imported, so they are set here, before any module of this room is imported.
"""

import os

from retable.cluster.connection.settings import SETTINGS

for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)
