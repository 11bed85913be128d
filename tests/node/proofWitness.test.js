'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const { describe, test } = require('node:test');

const tallystick = require('tallystick');
const { askWitness, cosign, makeKey, readCheckpoint, verifyCheckpoint, verifyConsistency } = tallystick;

const { fill, withSigned } = require('./storeHelpers');

const failsWith = (code) => (error) => {
  assert.equal(error.code, code, error.stack);
  assert.ok(error instanceof tallystick.TallyError);
  return true;
};

/**
 * A small witness, as C2SP tlog-witness has it: it believes one log, remembers what it signed last, and answers 409
 * to whoever does not begin there. `answers`: instead of that, functions (request, response), one for each request.
 */
class Witness {
  size = 0;
  root = undefined;
  asked = [];
  answers = [];
  key = makeKey('witness.example/test', { witness: true });

  constructor(logKey) {
    this.logKey = logKey;
  }

  async listen() {
    this.server = http.createServer((request, response) => this.#take(request, response));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}/some/place`;
  }

  async #take(request, response) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts).toString();
    this.asked.push(body);
    const answer = this.answers.shift();
    if (answer !== undefined) return answer(request, response);
    assert.deepEqual([request.method, request.url], ['POST', '/some/place/add-checkpoint']);
    const [status, text] = this.#judge(body);
    response.writeHead(status, { 'Content-Type': 'text/plain' }).end(text);
  }

  #judge(body) {
    const end = body.indexOf('\n\n');
    const [first, ...hashes] = body.slice(0, end).split('\n');
    const note = body.slice(end + 2);
    const head = verifyCheckpoint(note, this.logKey);
    const old = Number(first.slice('old '.length));
    if (old !== this.size) return [409, `${this.size}\n`];
    try {
      const bytes = hashes.map((hash) => Buffer.from(hash, 'base64'));
      if (this.size > 0) verifyConsistency(this.size, this.root, head.size, head.root, bytes);
    } catch {
      return [422, ''];
    }
    [this.size, this.root] = [head.size, head.root];
    return [200, cosign(note, this.key.privateKey)];
  }
}

/** A test with a store that signs and a witness. */
function withWitness(run) {
  return withSigned(async (store, made) => {
    const witness = new Witness(made.publicKey);
    await witness.listen();
    try {
      await run(store, witness, made);
    } finally {
      witness.server.closeAllConnections();
      witness.server.close();
    }
  });
}

const reply =
  (status, text = '', headers = {}) =>
  (_request, response) =>
    response.writeHead(status, headers).end(text);

describe('a witness over HTTP', () => {
  test(
    'signs the newest checkpoint, again and again',
    withWitness(async (store, witness, { publicKey }) => {
      const policy = { keys: publicKey, witnesses: witness.key.publicKey, needed: 1 };
      for (const size of [3, 10, 10, 25]) {
        fill(store, size - store.watermarks().buffered);
        const { outcome, note } = await askWitness(witness.url, store, witness.key.publicKey);
        assert.equal(outcome, 'signed');
        const head = verifyCheckpoint(note, policy);
        assert.deepEqual([head.size, head.signatures.byWitnesses], [size, 1]);
        assert.equal(witness.size, size);
      }
      // Its size is remembered: no request was in vain.
      assert.equal(witness.asked.length, 4);
      // What it signed is kept: proofs carry it.
      const proven = (await store.prove(24)).verify(policy);
      assert.equal(proven.signatures.byWitnesses, 1);
    }),
  );

  test(
    'that knows another size is asked again from there',
    withWitness(async (store, witness) => {
      fill(store, 20);
      await askWitness(witness.url, store, [witness.key.publicKey], { keep: false });
      fill(store, 20);
      const { outcome } = await askWitness(new URL(`${witness.url}///`), store, witness.key.publicKey, { oldSize: 7 });
      assert.equal(outcome, 'signed');
      assert.deepEqual(
        witness.asked.map((body) => body.split('\n')[0]),
        ['old 0', 'old 7', 'old 20'],
      );
    }),
  );

  test(
    'that has seen another history, or a longer one, is told of loudly',
    withWitness(async (store, witness) => {
      fill(store, 20);
      const ask = () => askWitness(witness.url, store, witness.key.publicKey);
      witness.answers.push(reply(409, '0\n'));
      await assert.rejects(ask(), failsWith('TALLY_E_ROLLBACK'));
      witness.answers.push(reply(409, '21\n'));
      await assert.rejects(ask(), (error) => failsWith('TALLY_E_ROLLBACK')(error) && error.position === 21);
      witness.answers.push(reply(409, `${2 ** 60}\n`));
      await assert.rejects(ask(), failsWith('TALLY_E_OVERFLOW'));
    }),
  );

  test(
    'that is ahead of an older note is behind in nothing',
    withWitness(async (store, witness) => {
      fill(store, 5);
      const note = await store.checkpoint();
      fill(store, 5);
      await askWitness(witness.url, store, witness.key.publicKey);
      const answer = await askWitness(witness.url, store, witness.key.publicKey, { note });
      assert.deepEqual(answer, { outcome: 'behind', oldSize: 10 });
    }),
  );

  test(
    'that never settles is not asked for ever',
    withWitness(async (store, witness) => {
      fill(store, 20);
      for (const size of [1, 2, 3, 4, 5]) witness.answers.push(reply(409, `${size}\n`));
      await assert.rejects(askWitness(witness.url, store, witness.key.publicKey), failsWith('TALLY_E_LIMIT'));
      assert.equal(witness.asked.length, 4);
    }),
  );

  test(
    'that refuses, or is busy',
    withWitness(async (store, witness) => {
      fill(store, 2);
      for (const [status, outcome] of [
        [403, 'refused'],
        [404, 'refused'],
        [422, 'refused'],
        [409, 'refused'],
        [429, 'try-later'],
        [503, 'try-later'],
      ]) {
        witness.answers.push(reply(status, 'words'));
        assert.deepEqual(await askWitness(witness.url, store, witness.key.publicKey), { outcome });
      }
    }),
  );

  test(
    'that lies',
    withWitness(async (store, witness) => {
      fill(store, 2);
      const note = await store.checkpoint();
      const ask = () => askWitness(witness.url, store, witness.key.publicKey);
      const stranger = makeKey('witness.example/stranger', { witness: true });
      const good = cosign(note, witness.key.privateKey);
      for (const [code, text] of [
        ['TALLY_E_UNKNOWN_KEY', ''],
        ['TALLY_E_FORMAT', 'words'],
        ['TALLY_E_UNKNOWN_KEY', cosign(note, stranger.privateKey)],
        ['TALLY_E_SIGNATURE', good.replace(/ [^ ]*\n$/, (text64) => {
          const bytes = Buffer.from(text64.trim(), 'base64');
          bytes[bytes.length - 1] ^= 1;
          return ` ${bytes.toString('base64')}\n`;
        })],
        ['TALLY_E_FORMAT', 'x'.repeat(100_000)],
      ]) {
        witness.answers.push(reply(200, text));
        await assert.rejects(ask(), failsWith(code), code);
      }
      witness.answers.push(reply(302, '', { Location: witness.url }));
      await assert.rejects(ask(), failsWith('TALLY_E_IO'));
      witness.answers.push((_request, response) => response.destroy());
      await assert.rejects(ask(), failsWith('TALLY_E_IO'));
      assert.equal(readCheckpoint(await store.checkpoint()).size, 2);
    }),
  );

  test(
    'that does not answer: a signal, a time, a closed port',
    withWitness(async (store, witness) => {
      fill(store, 2);
      const ask = (options) => askWitness(witness.url, store, witness.key.publicKey, options);
      witness.answers.push(
        () => {},
        () => {},
        (_request, response) => response.writeHead(200).write('— '),
      );
      await assert.rejects(ask({ timeoutMs: 20 }), failsWith('TALLY_E_TIMEOUT'));
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error('enough')), 20);
      await assert.rejects(ask({ signal: controller.signal }), { message: 'enough' });
      await assert.rejects(ask({ timeoutMs: 30 }), failsWith('TALLY_E_TIMEOUT'));
      await assert.rejects(ask({ signal: AbortSignal.abort() }), { name: 'AbortError' });
      witness.server.closeAllConnections();
      await new Promise((resolve) => witness.server.close(resolve));
      await assert.rejects(ask(), (error) => failsWith('TALLY_E_IO')(error) && error.cause !== undefined);
    }),
  );

  test(
    'hostile arguments',
    withWitness(async (store, witness) => {
      fill(store, 2);
      const key = witness.key.publicKey;
      const { url } = witness;
      for (const [code, ...given] of [
        ['TALLY_E_ARGUMENT', undefined, store, key],
        ['TALLY_E_ARGUMENT', 5, store, key],
        ['TALLY_E_ARGUMENT', 'not an address', store, key],
        ['TALLY_E_ARGUMENT', 'file:///etc/passwd', store, key],
        ['TALLY_E_ARGUMENT', 'data:,x', store, key],
        ['TALLY_E_ARGUMENT', url, undefined, key],
        ['TALLY_E_ARGUMENT', url, {}, key],
        ['TALLY_E_ARGUMENT', url, store, undefined],
        ['TALLY_E_ARGUMENT', url, store, [5]],
        ['TALLY_E_ARGUMENT', url, store, key, 5],
        ['TALLY_E_OPTION', url, store, key, { timeout: 5 }],
        ['TALLY_E_ARGUMENT', url, store, key, { signal: 5 }],
        ['TALLY_E_ARGUMENT', url, store, key, { keep: 1 }],
        ['TALLY_E_ARGUMENT', url, store, key, { oldSize: '5' }],
        ['TALLY_E_RANGE', url, store, key, { oldSize: 5 }],
        ['TALLY_E_FORMAT', url, store, key, { note: 'no note' }],
      ]) {
        await assert.rejects(async () => askWitness(...given), failsWith(code));
      }
      assert.equal(witness.asked.length, 0);
      await assert.rejects(askWitness(url, store, 'no key'), failsWith('TALLY_E_KEY'));
      store.closeSync();
      await assert.rejects(askWitness(url, store, key), failsWith('TALLY_E_CLOSED'));
    }),
  );
});
