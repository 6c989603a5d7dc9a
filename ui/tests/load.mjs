// Loads classes that are pure into node: Ext.define keeps the object, no browser needed.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';

const src = join(dirname(fileURLToPath(import.meta.url)), '../src');

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function load(...files) {
    globalThis.gettext = (text) => text;
    globalThis.PVE ??= { foresight: {} };
    globalThis.Ext ??= {
        define: (name, body) => (PVE.foresight[name.split('.').pop()] = body),
        htmlEncode: (text) => String(text).replace(/[&<>"']/g, (c) => entities[c]),
        isFunction: (value) => typeof value === 'function',
        String: { format: (text, ...args) => text.replace(/\{(\d)\}/g, (all, i) => args[i]) },
    };
    for (const file of files) {
        runInThisContext(readFileSync(join(src, file), 'utf8'), { filename: file });
    }
    return PVE.foresight;
}
