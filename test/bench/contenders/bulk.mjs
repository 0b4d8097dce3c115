/**
 * A keystore over another one that keeps what is written, by reference, until `flush` seals all of it at once: each of
 * ten thousand accounts added one by one would write the list of all before it anew.
 */
export function bulkKeystore(real) {
  const written = new Map();
  const read = async (key) => (written.has(key) ? { value: written.get(key), sealed: '' } : real.read(key));
  const keystore = {
    read,
    recall: read,
    readMany: (keys) => Promise.all(keys.map(read)),
    write: async (key, value) => void written.set(key, value),
    replace: async (key, _, value) => {
      written.set(key, value);
      return { sealed: '' };
    },
    delete: async (key) => written.delete(key),
  };
  return {
    keystore,
    async flush() {
      const entries = [...written];
      for (let at = 0; at < entries.length; at += 500) {
        await Promise.all(entries.slice(at, at + 500).map(([key, value]) => real.write(key, value)));
      }
    },
  };
}
