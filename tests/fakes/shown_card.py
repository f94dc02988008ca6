"""A GPU as `status` shows it: half of it ours, a quarter others'."""

from swictation.gpu.status import BreakerStatus, DetectorPlace, VramStatus

CARD = VramStatus(
    total_mib=4096.0,
    free_mib=1024.0,
    ours_mib=2048.0,
    others_mib=1024.0,
    trouble="",
    level="NORMAL",
    since_s=12.0,
    thresholds_mib=(3276.8, 3584.0, 3891.2),
    predicted_peak_mib=130.0,
    worker="ready",
    tier="1b fp16",
    vad_placement=DetectorPlace("gpu", "gpu", ""),
    asr_placement="gpu",
    mode="",
    mode_reason="",
    breaker=BreakerStatus("closed", 0, 0, ""),
    actions=(),
    need="held",
    read_ago_s=0.4,
)
