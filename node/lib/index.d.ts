/**
 * tallystick: a log of events in one directory, and handlers that are told about events.
 *
 * ```js
 * const { open } = require('tallystick')
 *
 * const store = await open('audit.tally')
 * store.on('account.*', event => console.log(event.position, event.type))
 * await store.append('account/42', 'account.opened', { plan: 'pro' })     // durable when it resolves
 * for await (const event of store.read({ stream: 'account/42' })) console.log(event.data)
 * await store.close()
 * ```
 *
 * A registry is an ordered set of handlers, and `notify` calls all of them with one event.
 *
 * ```js
 * const { Registry } = require('tallystick')            // or: import { Registry } from 'tallystick'
 *
 * const orders = new Registry()
 * orders.on('order.paid', order => ledger.add(order), { name: 'ledger' })
 * orders.on('order.*', (order, name) => audit.write(name, order), { priority: 100 })
 * orders.onPanic(failure => logger.error(failure.message, failure.error))
 *
 * orders.emit('order.paid', { id: 42 })                  // { fired: 2, failed: 0, skipped: 0, … }
 * ```
 *
 * What holds everywhere:
 *
 * - **Order.** Handlers run at once, on this thread, higher priority first, equal priority in the order
 *   of registration. JavaScript handlers and native ones (C) share that one order.
 * - **Snapshot.** A notify runs the handlers that were there when it began. One registered meanwhile
 *   waits for the next notify; one removed meanwhile is skipped unless it has started.
 * - **Isolation.** A handler that throws stops neither its siblings nor the caller, stays registered, and
 *   is reported once, at once, to `onPanic`, or, without one, as a process warning.
 * - **Errors** of this library are a {@link TallyError} with a stable text in `code` and a way out in `hint`.
 * - **Options** are checked: a misspelt one is refused with the right spelling.
 * - **Disposing.** Whatever registers something can be disposed (`using`), cancelled by an AbortSignal, or both.
 *
 * The manual continues, one noun a file: `types/events.d.ts` how events get their types, `types/handler.d.ts`
 * handlers and what is told about them, `types/registry.d.ts` Registry, `types/asyncRegistry.d.ts`
 * AsyncRegistry, `types/native.d.ts` handlers that never leave C, `types/errors.d.ts` errors, `types/store.d.ts`
 * the store, `types/storeEvent.d.ts` its events and receipts, `types/proof.d.ts` checkpoints, proofs, witnesses.
 */
export * from './types/events';
export * from './types/handler';
export * from './types/registry';
export * from './types/asyncRegistry';
export * from './types/native';
export * from './types/errors';
export * from './types/store';
export * from './types/storeEvent';
export * from './types/proof';

/** The version of the native library that is loaded, such as `"0.1.0"`. */
export const VERSION: string;
