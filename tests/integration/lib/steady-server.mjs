// A server whose heartbeats come when an interval is over, and not at some time within the first
// one: what a test waits for has no ping in it that comes by chance.
import { withServer as withAnyServer } from './stentord.mjs';

export const STEADY = { ping_spread: false };

export function withServer(config, fn, options) {
  return withAnyServer({ ...STEADY, ...config }, fn, options);
}
