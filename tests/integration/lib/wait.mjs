// Waiting for conditions, with one deadline for all of them. STENTOR_TIME_FACTOR stretches it on
// slow machines and for builds with sanitizers.
import { setTimeout as sleep } from 'node:timers/promises';

export const timeFactor = Number(process.env.STENTOR_TIME_FACTOR ?? 1);
export const deadlineMs = 10_000 * timeFactor;

// The promise's value, or an error that says what was waited for.
export async function within(promise, what, ms = deadlineMs) {
  const controller = new AbortController();
  const late = sleep(ms, undefined, { signal: controller.signal }).then(
    () => {
      const hint = typeof what === 'function' ? what() : what;
      throw new Error(`waited ${ms} ms for ${hint}`);
    },
    () => new Promise(() => {}),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    controller.abort();
  }
}

// Asks again and again until the answer is truthy, and returns it.
export async function until(ask, what, ms = deadlineMs) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) {
      throw new Error(`waited ${ms} ms for ${typeof what === 'function' ? what() : what}`);
    }
    await sleep(10);
  }
}

// A promise for the next `event` of an emitter, without the error event's special role.
export function event(emitter, name, ms = deadlineMs) {
  let listener;
  const happened = new Promise((resolve) => {
    listener = (...args) => resolve(args.length > 1 ? args : args[0]);
    emitter.once(name, listener);
  });
  return within(happened, `the event "${name}"`, ms).finally(() => emitter.off(name, listener));
}

// A queue that can be awaited.
export class Inbox {
  #items = [];
  #takers = [];
  #error = null;

  put(item) {
    const taker = this.#takers.shift();
    if (taker) taker.resolve(item);
    else this.#items.push(item);
  }

  // No more will come: whoever waits for something fails.
  end(error) {
    this.#error ??= error;
    for (const taker of this.#takers.splice(0)) taker.reject(this.#error);
  }

  get length() {
    return this.#items.length;
  }

  take(what = 'the next message', ms = deadlineMs) {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift());
    if (this.#error) return Promise.reject(this.#error);
    const next = new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
    return within(next, what, ms);
  }

  takeAll() {
    return this.#items.splice(0);
  }
}
