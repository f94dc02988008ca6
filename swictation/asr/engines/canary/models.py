"""The models of the engine `canary`: NeMo archives, by name, the preferred ones first.

Revision, size and sha256 were read on 2026-11-28 from the repository ayutaz/vokra on GitHub
(`tests/parity/canary_1b_flash/README.md`, `tools/parity/canary_1b_v2_prepare_checkpoint.py`), which
took them from the hub's own Git LFS entries. The hub's file list says the same size for 1b-flash
(3.54 GB), and the model card of handy-computer/canary-1b-v2-gguf names the same commit for v2. For
180m-flash no source was found: its files are recorded when they arrive.
"""

from swictation.asr.model_spec import ErrorRate, ModelFile, ModelSpec

_LICENCE = "CC-BY-4.0"
_FOUR = ("en", "de", "es", "fr")
_EUROPE = "en bg hr cs da nl et fi fr de el hu it lv lt mt pl pt ro sk sl es sv ru uk"

CANARY_1B_FLASH = ModelSpec(
    name="canary-1b-flash",
    engine="canary",
    repo="nvidia/canary-1b-flash",
    languages=_FOUR,
    parameters=883_000_000,
    licence=_LICENCE,
    files=(
        ModelFile(
            "canary-1b-flash.nemo",
            3_540_715_520,
            "3887cce1afdd425429cfc5109575a8f2cffeb07c02c503a9faff7612bd74e324",
        ),
    ),
    revision="2b6e4d2dacb11cc1b1724de31bb48fe68c26c12e",
    error_rate=ErrorRate(1.48, "model card on the Hugging Face Hub"),
)

CANARY_1B_V2 = ModelSpec(
    name="canary-1b-v2",
    engine="canary",
    repo="nvidia/canary-1b-v2",
    languages=tuple(_EUROPE.split()),
    parameters=978_000_000,
    licence=_LICENCE,
    files=(
        ModelFile(
            "canary-1b-v2.nemo",
            6_358_958_080,
            "ae5ef1bf06812a95a1594a8f5f0ee9c51f35418e5ba96939fa6b98ab00431094",
        ),
    ),
    revision="87bc52657add533cd0156b3fc1aef027280754bf",
)

CANARY_180M_FLASH = ModelSpec(
    name="canary-180m-flash",
    engine="canary",
    repo="nvidia/canary-180m-flash",
    languages=_FOUR,
    parameters=182_000_000,
    licence=_LICENCE,
    files=(ModelFile("canary-180m-flash.nemo"),),
    about_bytes=737_000_000,
)
