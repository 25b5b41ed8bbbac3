"""Compute at equal loss. Called, it is `isoloss.multiplier.equal_loss.multiplier`."""

import sys

from isoloss import CallablePackage

sys.modules[__name__].__class__ = CallablePackage
