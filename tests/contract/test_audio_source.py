"""What a source owes: blocks of int16 mono at 16 kHz, an end, errors that say what to do."""

import contextlib
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from fakes.signals import noise, tone
from patience import PATIENCE_S
from swictation.audio.source import BLOCK_SAMPLES
from swictation.audio.wavfile import FileSource
from swictation.clock import SimClock
from swictation.errors import AudioError

pytestmark = pytest.mark.contract

LOSSLESS = [("wav", "pcm_s16le"), ("flac", "flac"), ("wav", "pcm_s24le"), ("aiff", "pcm_s16be")]
LOSSY = [("mp3", "libmp3lame"), ("ogg", "libopus"), ("mp4", "aac")]
LOSSY += [("webm", "libopus")]


def write(path, samples, rate_hz=16_000, codec="pcm_s16le", container=None, channels=1):
    """Encode int16 samples; in stereo the right channel is silent."""
    planar = np.zeros((channels, len(samples)), np.int16)
    planar[0] = samples
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate_hz, layout=["mono", "stereo"][channels - 1])
        packed = np.ascontiguousarray(planar.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, "s16", ["mono", "stereo"][channels - 1])
        frame.sample_rate = rate_hz
        frame.time_base = Fraction(1, rate_hz)
        frame.pts = 0
        context = stream.codec_context
        resampler = av.AudioResampler(context.format, context.layout, rate_hz, context.frame_size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return path


def blocks_of(source, stop=None):
    blocks = []
    source.run(blocks.append, stop or threading.Event())
    return blocks


def read(path):
    return np.concatenate(blocks_of(FileSource(path)))


def strength(samples, hertz):
    """Amplitude of a sine of that frequency, away from the edges."""
    middle = samples[1600:-1600].astype(np.float64)
    at = np.arange(len(middle)) / 16_000
    return 2 * abs(np.mean(middle * np.exp(-2j * np.pi * hertz * at)))


@pytest.mark.parametrize(("container", "codec"), LOSSLESS)
def test_a_lossless_file_at_16_khz_comes_out_sample_for_sample(tmp_path, container, codec):
    made = noise(20_001, -20.0)
    path = write(tmp_path / f"a.{container}", made, codec=codec)
    assert (read(path) == made).all()


@pytest.mark.parametrize(("container", "codec"), LOSSY)
def test_a_lossy_file_comes_out_as_it_sounds(tmp_path, container, codec):
    path = write(tmp_path / f"a.{container}", tone(2.0, rate_hz=48_000), 48_000, codec, container)
    heard = read(path)
    assert len(heard) == pytest.approx(32_000, abs=2_500)  # encoders pad
    assert strength(heard, 440.0) == pytest.approx(8000.0, rel=0.1)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_any_rate_becomes_16_khz_in_full_length(tmp_path, rate_hz):
    path = write(tmp_path / "a.wav", tone(1.5, rate_hz=rate_hz), rate_hz)
    heard = read(path)
    assert len(heard) == pytest.approx(24_000, abs=2)
    assert strength(heard, 440.0) == pytest.approx(8000.0, rel=0.02)


def test_stereo_is_mixed_so_that_neither_side_is_lost(tmp_path):
    path = write(tmp_path / "a.wav", tone(1.0), channels=2)
    assert strength(read(path), 440.0) == pytest.approx(4000.0, rel=0.05)


def test_blocks_are_int16_and_at_most_100_ms(tmp_path):
    path = write(tmp_path / "a.flac", noise(16_500, -20.0), codec="flac")
    blocks = blocks_of(FileSource(path))
    assert {block.dtype for block in blocks} == {np.dtype(np.int16)}
    assert {block.ndim for block in blocks} == {1}
    lengths = [len(block) for block in blocks]
    assert set(lengths[:-1]) == {BLOCK_SAMPLES}
    assert 0 < lengths[-1] <= BLOCK_SAMPLES


def test_the_samples_are_the_same_at_every_time_and_at_both_paces(tmp_path):
    class Hurried(SimClock):
        """Says that it is late, so that nobody waits."""

        def now_s(self):
            self.advance(1.0)
            return super().now_s()

    path = write(tmp_path / "a.mp3", noise(30_000, -20.0), codec="libmp3lame")
    first = read(path)
    assert (read(path) == first).all()
    realtime = blocks_of(FileSource(path, "realtime", Hurried()))
    assert (np.concatenate(realtime) == first).all()


def test_in_real_time_a_block_comes_when_its_last_sample_would_have_been_spoken(tmp_path):
    waits = []

    class Watch:
        """An event that lets the clock go on instead of waiting."""

        def wait(self, seconds):
            waits.append(round(seconds, 6))
            clock.advance(seconds)

        def is_set(self):
            return False

    clock = SimClock(100.0)
    path = write(tmp_path / "a.wav", noise(4_000, -20.0))
    blocks_of(FileSource(path, "realtime", clock), Watch())
    assert waits == [0.1, 0.1, 0.05]


def test_a_stop_ends_it_between_two_blocks(tmp_path):
    path, stop, blocks = write(tmp_path / "a.wav", noise(16_000, -20.0)), threading.Event(), []

    def deliver(block):
        blocks.append(block)
        if len(blocks) == 3:
            stop.set()

    FileSource(path).run(deliver, stop)
    assert len(blocks) == 3


def test_a_stop_wakes_it_from_waiting_for_its_pace(tmp_path):
    path, stop = write(tmp_path / "a.wav", noise(16_000, -20.0)), threading.Event()
    clock = SimClock()
    never_due = FileSource(path, "realtime", clock)
    thread = threading.Thread(target=never_due.run, args=([].append, stop))
    thread.start()
    stop.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_it_is_called_by_its_path(tmp_path):
    assert FileSource(tmp_path / "a.wav").name == str(tmp_path / "a.wav")


def error_of(path):
    with pytest.raises(AudioError) as caught:
        blocks_of(FileSource(path))
    error = caught.value
    assert str(path) in error.message
    assert "\n" not in error.message
    assert error.remedy
    return error.message


def test_a_missing_file_is_told(tmp_path):
    assert "does not exist" in error_of(tmp_path / "gone.wav")


def test_a_folder_is_told(tmp_path):
    assert "is a folder" in error_of(tmp_path)


def test_an_empty_file_is_told(tmp_path):
    (tmp_path / "a.wav").touch()
    error_of(tmp_path / "a.wav")


def test_a_file_of_something_else_is_told(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(np.random.default_rng(1).bytes(50_000))
    assert "cannot be decoded" in error_of(path)


def test_a_text_is_not_taken_for_sound(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("to do: buy milk\n" * 100)
    error_of(path)


def test_a_file_with_a_header_and_no_sound_is_told(tmp_path):
    path = write(tmp_path / "a.wav", noise(1_600, -20.0))
    path.write_bytes(path.read_bytes()[:44])
    error_of(path)


def test_a_film_without_sound_is_told(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for _ in range(5):
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    assert "no audio track" in error_of(path)


def test_a_list_of_other_files_is_not_followed(tmp_path):
    """FFmpeg would open what a playlist names; a sound file names nothing."""
    target = write(tmp_path / "target.wav", tone(1.0))
    playlist = tmp_path / "a.m3u8"
    playlist.write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{target}\n#EXT-X-ENDLIST\n"
    )
    error_of(playlist)


@pytest.mark.parametrize(("container", "codec"), [("wav", "pcm_s16le"), ("mp3", "libmp3lame")])
def test_of_a_file_that_was_cut_short_everything_before_the_cut_is_delivered(
    tmp_path, container, codec
):
    path = write(tmp_path / f"a.{container}", tone(4.0), codec=codec)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    blocks = []
    with contextlib.suppress(AudioError):
        FileSource(path).run(blocks.append, threading.Event())
    assert sum(map(len, blocks)) == pytest.approx(32_000, rel=0.1)


def test_a_file_that_breaks_off_within_is_told_after_what_could_be_read(tmp_path):
    path = write(tmp_path / "a.flac", noise(160_000, -20.0), codec="flac")
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2 :] = bytes(len(whole) // 2)
    path.write_bytes(whole)
    blocks = []
    with pytest.raises(AudioError, match="cannot be decoded"):
        FileSource(path).run(blocks.append, threading.Event())
    assert sum(map(len, blocks)) > 40_000


def test_what_goes_wrong_at_the_receiver_is_not_taken_for_a_broken_file(tmp_path):
    path = write(tmp_path / "a.wav", noise(16_000, -20.0))

    def deliver(block):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        FileSource(path).run(deliver, threading.Event())
