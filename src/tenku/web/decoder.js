// Which codecs this browser decodes, and how it is best asked to.

import { remember } from "./memory.js";

/** Names that the session may choose from, with a codec string to ask about. */
const KNOWN = { h264: "avc1.42E01F", h265: "hvc1.1.6.L93.B0", av1: "av01.0.05M.08" };

/** Find out what this browser decodes, H.264 first, for the hello of the next visit: asking takes too long. */
export async function rememberCodecs() {
  const names = Object.keys(KNOWN);
  const decodes = await Promise.all(names.map((name) => supports({ codec: KNOWN[name] })));
  remember(
    "codecs",
    names.filter((_, index) => decodes[index]),
  );
}

/** Which settings to decode with. It asks about hardware beforehand: the first picture does not wait for answers. */
export class DecoderChoice {
  #hardware = new Set();

  /** Ask about every codec, so that the answers are there when the session has said which. */
  async ask() {
    const asked = Object.values(KNOWN).map(async (codec) => {
      if (await supports(preferHardware(codec))) this.#hardware.add(family(codec));
    });
    await Promise.all(asked);
  }

  /** The settings for `codec`, best first. Without a preference browsers mostly take hardware too. */
  configs(codec) {
    const plain = { codec, optimizeForLatency: true };
    return this.#hardware.has(family(codec)) ? [preferHardware(codec), plain] : [plain];
  }
}

function preferHardware(codec) {
  return { codec, optimizeForLatency: true, hardwareAcceleration: "prefer-hardware" };
}

/** "avc1" of "avc1.42E01F". */
function family(codec) {
  return codec.split(".", 1)[0];
}

async function supports(config) {
  try {
    return (await VideoDecoder.isConfigSupported(config)).supported === true;
  } catch (error) {
    if (error instanceof TypeError || error instanceof DOMException) return false; // a codec string it cannot parse
    throw error;
  }
}
