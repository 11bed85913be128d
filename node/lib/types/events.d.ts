/**
 * How events get their types.
 *
 * ```ts
 * type Orders = { 'order.paid': Order; 'order.shipped': { id: number; carrier: string } }
 * const orders = new Registry<Orders>()
 * orders.on('order.paid', order => order.total)              // order: Order
 * orders.on('order.*', (event, name) => name)                // the union of both; name: keyof Orders
 * orders.emit('order.paid', 'x')                             // error: not an Order
 * ```
 *
 * Without a type argument every name is allowed and every event is `any`.
 */

/** Names of events, each with the type of what is emitted under it. An `interface` or a `type` will do. */
export type EventMap = Record<string, any>;

/** The names of a map, as text. */
export type EventName<Events> = keyof Events & string;

/** Any event of a map. */
export type AnyEvent<Events> = Events[EventName<Events>];

/** `"*"` for all names, or a prefix with one trailing `*` after a dot: `"order.*"`, at any depth below. */
export type EventPattern = '*' | `${string}.*`;

/** The names of a map that a pattern stands for. */
export type Matching<Events, Pattern extends string> = Pattern extends '*'
  ? EventName<Events>
  : Pattern extends `${infer Prefix}.*`
    ? string extends EventName<Events>
      ? string
      : Extract<EventName<Events>, `${Prefix}.${string}`>
    : never;
