'use strict';

// Looking at a registry: rows of handlers and numbers.

function infoOf(board, entry, row) {
  const { counting } = board;
  const fired = row ? row.fired : entry.fired;
  const total = row ? row.latencyTotalNs : entry.totalNs;
  const max = row ? row.latencyMaxNs : entry.maxNs;
  return Object.freeze({
    id: entry.id,
    name: entry.name,
    priority: entry.priority,
    once: entry.once,
    kinds: entry.filter.kinds,
    native: entry.isNative,
    failed: row ? row.failed : entry.failed,
    lastError: row ? row.lastError : entry.lastError,
    fired: counting ? fired : undefined,
    latencyTotalNs: counting ? Math.round(total) : undefined,
    latencyMaxNs: counting ? Math.round(max) : undefined,
  });
}

/** In the order in which notify calls them. */
function handlersOf(board) {
  board.core?.sync();
  const rows = board.core?.rows() ?? new Map();
  return board.entries.map((entry) => infoOf(board, entry, rows.get(entry.native)));
}

function countOf(board) {
  board.core?.sync();
  return board.entries.length;
}

/** False from the moment a `once` handler is claimed, also by another thread. */
function containsEntry(board, entry) {
  return entry !== undefined && !entry.removed && (entry.native === 0 || board.core.contains(entry));
}

function listenerCountOf(board, name) {
  board.core?.sync();
  let count = 0;
  for (const entry of board.entries) if (entry.filter.accepts(name)) count++;
  return count;
}

function statisticsOf(board) {
  const native = board.core?.statistics();
  return Object.freeze({
    handlers: countOf(board),
    unreported: board.unreported + (native?.unreported ?? 0),
    panicsFailed: board.panicsFailed,
    mutes: board.mutes,
    held: board.held === null ? 0 : board.held.events.length / 2,
    pending: board.pending,
    ring: board.core?.ringCounts(),
  });
}

module.exports = { handlersOf, countOf, containsEntry, listenerCountOf, statisticsOf };
