// Imported by clients that record as `false` what must not be: whether the bytes that came were the right ones, say. Then a
// run fails by itself, also the plain one that others are compared with.
import assert from 'node:assert/strict';
import record from '../../../programs/lib/record.cjs';

const { fact } = record;

record.fact = (name, value) => {
  assert.ok(![value].flat(Infinity).includes(false), `${name}: ${JSON.stringify(value)}`);
  fact(name, value);
};
