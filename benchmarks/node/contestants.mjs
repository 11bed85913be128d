// Each contestant: handlers for one registry in, a function that emits one event out. Loaded only when asked
// for, so that a process has one library in it.
import { createRequire } from 'node:module';

const peers = createRequire(new URL('../../out/bench/npm/package.json', import.meta.url));

export const contestants = {
  async 'bare loop'() {
    return (handlers) => ({
      notify(event) {
        for (let i = 0; i < handlers.length; i++) handlers[i](event);
      },
    });
  },
  async ours() {
    const { Registry } = await import('tallystick');
    return (handlers) => {
      const registry = new Registry();
      for (const handler of handlers) registry.register(handler);
      return registry;
    };
  },
  async 'ours, by name'() {
    const { Registry } = await import('tallystick');
    return (handlers) => {
      const registry = new Registry();
      for (const handler of handlers) registry.on('event', handler);
      return { notify: (event) => registry.emit('event', event) };
    };
  },
  async 'node:events'() {
    const { EventEmitter } = await import('node:events');
    return (handlers) => listening(new EventEmitter(), handlers);
  },
  async eventemitter3() {
    const EventEmitter = peers('eventemitter3');
    return (handlers) => listening(new EventEmitter(), handlers);
  },
  async tseep() {
    const { EventEmitter } = peers('tseep');
    return (handlers) => listening(new EventEmitter(), handlers);
  },
  async nanoevents() {
    const { createNanoEvents } = await import(peers.resolve('nanoevents'));
    return (handlers) => listening(createNanoEvents(), handlers);
  },
  async mitt() {
    const mitt = peers('mitt');
    return (handlers) => listening((mitt.default ?? mitt)(), handlers);
  },
};

function listening(emitter, handlers) {
  for (const handler of handlers) emitter.on('event', handler);
  return { notify: (event) => emitter.emit('event', event) };
}
