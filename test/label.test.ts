import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelOf, visible, visibleJson } from '../src/label.ts';

describe('a label', () => {
  it.each([
    ['Ada Lovelace', 'Ada Lovelace'],
    ['  Ada \t\r\n  Lovelace\u2028', 'Ada Lovelace'],
    ['Ada\u202Eecalevol', 'Adaecalevol'],
    ['A\u200Bd\u00ADa\u2066\uFEFF', 'Ada'],
    ['\u001b[31mAda\u0007', '[31mAda'],
    ['Ada ❤️ 文', 'Ada ❤️ 文'],
    ['\u3164\u115F\u202E', ''],
    ['a\uD800b', 'ab'],
  ])('of %j is %j', (text, label) => {
    expect(labelOf(text)).toBe(label);
  });

  it('is one bounded line of what is seen, whatever was given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.integer({ min: 2, max: 40 }), (text, most) => {
        const label = labelOf(text, most);
        expect(label.length).toBeLessThanOrEqual(most);
        expect(label).not.toMatch(/(?!\uFE0F)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|^\s|\s$|\s\s/u);
        expect(labelOf(label, most)).toBe(label);
      }),
    );
  });
});

describe('what is shown at a terminal', () => {
  it('keeps line breaks, tabs and all writing, and nothing that drives it or turns its direction', () => {
    expect(visible('a\tb\nc ü 文 \u001b[31m\u0000\r\u009b')).toBe('a\tb\nc ü 文 \uFFFD[31m\uFFFD\uFFFD\uFFFD');
    expect(visible('a\u202Eb\u2066c\u200Bd\u2028e\u061C')).toBe('a\uFFFDb\uFFFDc\uFFFDd\uFFFDe\uFFFD');
    expect(visible('👩‍💻 ❤️')).toBe('👩‍💻 ❤️');
  });

  it('as JSON says the same', () => {
    const value = { 'a\u202Eb': ['\u2066c\u200Bd\u2028', '\u{E0041}', 'ü 👩‍💻\u001b\n'] };
    const json = visibleJson(JSON.stringify(value, null, 2));
    expect(JSON.parse(json)).toEqual(value);
    expect(visible(json)).toBe(json);
  });
});
