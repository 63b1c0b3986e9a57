// Numbers as people read them.

/** `8 s`, `2 min 5 s`, `3 h 10 min`. */
export function duration(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return "";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `1.2 GB`. */
export function bytes(number) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; number >= 1000 && unit < units.length - 1; unit++) number /= 1000;
  return unit ? `${number.toFixed(number < 10 ? 1 : 0)} ${units[unit]}` : `${number} bytes`;
}

/** Seconds that a job at work still takes, from its own pace, else from what was expected; NaN: not known. */
export function secondsLeft(job, now) {
  const { done, total } = job.progress;
  const elapsed = now - job.started;
  if (done > 0 && total > 0) return (elapsed / done) * (total - done);
  return job.estimate ? Math.max(0, job.estimate.seconds - elapsed) : NaN;
}
