"""The laws there are. A new law is a file in `laws/` and a line here."""

from isoloss.fit.law import Law
from isoloss.fit.laws import broken, chinchilla, power, power_floor

LAWS: dict[str, Law] = {
    law.name: law for law in (power.LAW, power_floor.LAW, broken.LAW, chinchilla.LAW)
}
