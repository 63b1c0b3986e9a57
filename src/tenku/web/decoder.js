// Which codecs this browser decodes, and how it is best asked to.

/** Names that the session may choose from, with a codec string to ask about. */
const KNOWN = { h264: "avc1.42E01F", h265: "hvc1.1.6.L93.B0", av1: "av01.0.05M.08" };
/** A browser that takes longer to answer is not waited for; it gets H.264, which all of them decode. */
const PATIENCE_MS = 150;

export function webCodecsMissing(scope = globalThis) {
  return !("VideoDecoder" in scope);
}

/** Names of the codecs that this browser decodes, H.264 first. */
export async function decodableCodecs() {
  const asked = Object.entries(KNOWN).map(async ([name, codec]) => ((await supports({ codec })) ? name : null));
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, ["h264"]));
  const names = (await Promise.race([Promise.all(asked), late])).filter((name) => name !== null);
  return names.length > 0 ? names : ["h264"];
}

/** The settings to decode `codec` with, best first; none where the browser cannot. */
export async function decoderConfigs(codec) {
  const base = { codec, optimizeForLatency: true };
  const configs = [{ ...base, hardwareAcceleration: "prefer-hardware" }, base];
  const usable = await Promise.all(configs.map(supports));
  return configs.filter((_, index) => usable[index]);
}

async function supports(config) {
  try {
    return (await VideoDecoder.isConfigSupported(config)).supported === true;
  } catch (error) {
    if (error instanceof TypeError || error instanceof DOMException) return false; // a codec string it cannot parse
    throw error;
  }
}
