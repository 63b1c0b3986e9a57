"""Records the flasher with the real compositor, encoder and sound server to FILE; its sockets lie in RUN.

The quality changes every two seconds, and a line says so. It ends, and finishes the recording, when its input ends.
"""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

from tenku.play.display import PixelfluxDisplay
from tenku.play.model import Frame, Quality, Size
from tenku.play.recording import Recording
from tenku.play.sound import GameSound
from tenku.unit.abilities import probe

HD = Quality(bitrate_kbps=4000, fps=60, size=Size(1280, 720))
QUALITIES = (HD, replace(HD, bitrate_kbps=1500), replace(HD, size=Size(640, 360)), replace(HD, fps=30))
GAME = Path(__file__).parent / "flasher.py"


async def main(file: Path, run: Path) -> None:
    """Record until the input ends."""
    display = PixelfluxDisplay(run, size=HD.size, fps=60, codec="h264")
    socket = display.open()
    sound = GameSound(run, abilities=probe())
    recording = Recording(file, request_key_frame=display.request_key_frame)
    keys: list[str] = []

    def frame(one: Frame) -> None:
        if one.key:
            keys.append(f"key {len(one.data)} bytes {one.encode_end_us - one.encode_start_us} us")
        recording.frame(one)

    display.start(HD, on_frame=frame, on_cursor=lambda _: None, on_clipboard=lambda _: None)
    await sound.start(recording.sound)
    env = {**os.environ, **sound.environment(), "SDL_VIDEODRIVER": "wayland", "WAYLAND_DISPLAY": socket.name}
    game = await asyncio.create_subprocess_exec("setpriv", "--pdeathsig", "KILL", "--", sys.executable, GAME, env=env)
    recording.start()
    reader = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    second = 0
    while not reader.done():
        await asyncio.wait([reader], timeout=2)
        second += 2
        display.apply(QUALITIES[second // 2 % len(QUALITIES)])
        print("second", second, file=sys.stderr, flush=True)
    game.kill()
    await game.wait()
    display.close()
    await sound.close()
    print(recording.finish(), recording.trouble(), *keys, sep="\n", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
