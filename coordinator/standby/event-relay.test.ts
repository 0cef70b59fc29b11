import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EventRelay } from "./event-relay.ts";

const stream =
  'data: {"role":1}\n\nid: a-0\ndata: {"text":"ä"}\n\n: waiting\n\nid: a-1\ndata: {"text":"b"}\n\ndata: [DONE]\n\n';

test("however a stream is cut into pieces, whole events come out and nothing is lost", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: stream.length }), { maxLength: 10 }), (cuts) => {
      const bytes = Buffer.from(stream);
      const relay = new EventRelay();
      const passed: Buffer[] = [];
      let from = 0;
      for (const to of [...cuts.sort((a, b) => a - b), bytes.length]) {
        const whole = relay.push(bytes.subarray(from, to));
        assert.ok(whole.length === 0 || whole.toString().endsWith("\n\n"));
        passed.push(whole);
        from = to;
      }
      assert.equal(Buffer.concat(passed).toString(), stream);
      assert.deepEqual([relay.lastId, relay.isDone], ["a-1", true]);
    }),
  );
});

test("what was cut off in the middle of an event never came", () => {
  const relay = new EventRelay();
  relay.push(Buffer.from('id: a-0\ndata: 1\n\nid: a-1\ndata: {"te'));
  relay.cut();
  assert.deepEqual([relay.lastId, relay.isDone], ["a-0", false]);
  assert.equal(relay.push(Buffer.from("id: a-1\ndata: 2\n\n")).toString(), "id: a-1\ndata: 2\n\n");
});

test("a coordinator that stops says so, and what it says is withheld with all that comes after it", () => {
  const whole = 'id: a-0\ndata: {"text":": pomona stopping"}\n\n';
  const farewell = ': pomona stopping\n\nevent: error\ndata: {"error":{"code":"shutting_down"}}\n\n';
  const relay = new EventRelay();
  const half = Buffer.from(whole + farewell).subarray(0, whole.length + 25);
  assert.equal(relay.push(half).toString(), whole);
  assert.equal(relay.push(Buffer.from(farewell.slice(25))).toString(), "");
  assert.deepEqual([relay.farewell?.toString(), relay.isDone, relay.lastId], [farewell, false, "a-0"]);
  relay.cut();
  assert.equal(relay.farewell, null);
  assert.equal(relay.push(Buffer.from(farewell)).toString(), "");
});

test("each API's last event is an end, and an error is one as well", () => {
  const isDone = (events: string): boolean => {
    const relay = new EventRelay();
    relay.push(Buffer.from(events));
    return relay.isDone;
  };
  assert.equal(isDone('data: {"error":{"code":"node_lost"}}\n\n'), true);
  assert.equal(isDone('event: message_stop\ndata: {"type":"message_stop"}\n\n'), true);
  assert.equal(isDone('event: error\ndata: {"type":"error","error":{}}\n\n'), true);
  for (const type of ["response.completed", "response.incomplete", "response.failed"])
    assert.equal(isDone(`event: ${type}\ndata: {"type":"${type}","sequence_number":9}\n\n`), true, type);
  const ending = '"done":true,"done_reason":"stop","total_duration":1,"load_duration":0}';
  assert.equal(isDone(`data: {"model":"m","response":"",${ending}\n\n`), true);
  assert.equal(isDone(`data: {"model":"m","calls":{"arguments":{${ending},"done":false}\n\n`), false);
  assert.equal(isDone('event: response.created\ndata: {"type":"response.created"}\n\n'), false);
  assert.equal(isDone('event: content_block_delta\ndata: {"text":"event: error"}\n\n'), false);
});
