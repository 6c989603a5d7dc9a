import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { load } from './load.mjs';

const { Labels } = load('Labels.js');
const json = (path) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'));
const { words } = json('tests/reference/replies.json');
const settings = json('share/settings.json')['migration-settings'].properties;

const kinds = {
    metric: words.metrics,
    direction: words['trend::Direction'],
    state: words['recommend::State'],
    urgency: words['recommend::Urgency'],
    weight: words['evidence::Weight'],
    factor: words['evidence::Kind'],
    behaviour: words['trend::Behaviour'],
    result: words['outcome::Verdict'],
    policy: words['backtest::Policy'],
    tier: words['store::Tier'],
    knob: words.knobs,
    knobHelp: words.knobs,
    sensitivity: settings['migration-sensitivity'].enum,
};

test('every code of the engine has a text, and every text a code', () => {
    const tables = Object.keys(Labels).filter((name) => name !== 'singleton');
    assert.deepEqual(tables.sort(), Object.keys(kinds).sort());
    for (const [kind, codes] of Object.entries(kinds)) {
        assert.deepEqual(Object.keys(Labels[kind]).sort(), [...codes].sort(), kind);
    }
});
