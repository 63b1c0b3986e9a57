// When to try again after a lost connection: decided without a clock or a socket.

const DELAYS_MS = [100, 300, 700, 1500, 3000, 5000];

/**
 * How long to wait before the next try, in milliseconds; null when it is time to give up.
 *
 * `attempt` counts the tries since the connection was lost, from 0; `lostMs` is how long ago that was and `keepMs`
 * how long the session keeps the player's place.
 */
export function retryDelay({ attempt, lostMs, keepMs }) {
  if (lostMs >= keepMs) return null;
  const delay = DELAYS_MS[Math.min(attempt, DELAYS_MS.length - 1)];
  return Math.min(delay, Math.max(0, keepMs - lostMs));
}
