"""Write what transformers takes for keys that a config omits, into families/defaults.py.

    pip install torch==2.13.0 transformers==5.23.0
    PYTHONPATH=workflow/lib python tests/data/flops/make_defaults.py

Of each config class of a model type that isoloss knows, the defaults of the keys that a count
depends on; null is left out, since it says nothing.
"""

import dataclasses
import textwrap
from pathlib import Path

import transformers
from isoloss.flops import config
from isoloss.flops.families.table import FAMILIES
from isoloss.flops.keys import IRRELEVANT
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

PATH = Path(config.__file__).parent / "families" / "defaults.py"
WITHOUT_MODULE = {"num_nextn_predict_layers", "num_mtp_layers"}
HEADER = '''"""What transformers {version} takes for keys that a config omits, by model type.

Written by tests/data/flops/make_defaults.py; not edited by hand.
"""

from typing import Any

# fmt: off
DEFAULTS: dict[str, dict[str, Any]] = {{
'''


def defaults(model_type):
    """The defaults of a config class that may change a count."""
    return {
        field.name: field.default
        for field in dataclasses.fields(CONFIG_MAPPING[model_type])
        if isinstance(field.default, (int, str))
        and field.name not in IRRELEVANT | WITHOUT_MODULE | transformers_own()
    }


def transformers_own():
    """Fields that every config class has."""
    return {field.name for field in dataclasses.fields(transformers.PreTrainedConfig)}


def packed(model_type):
    """One entry of the table, in as few lines as it takes."""
    pairs = ", ".join(f"{name!r}: {value!r}" for name, value in defaults(model_type).items())
    return textwrap.fill(
        f"{model_type!r}: {{{pairs}}},\n",
        100,
        initial_indent="    ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )


if __name__ == "__main__":
    known = [name for name in FAMILIES if name in CONFIG_MAPPING]
    text = HEADER.format(version=transformers.__version__) + "\n".join(map(packed, known)) + "\n}\n"
    PATH.write_text(text.replace("'", '"'), encoding="utf-8")
