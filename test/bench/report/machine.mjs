import { cpus, totalmem } from 'node:os';

/** What the figures are of: `{ cpu, cores, memoryGiB, node, date }`. */
export function machine(now = new Date()) {
  const [{ model }] = cpus();
  return {
    cpu: model.replace(/\s+/g, ' ').trim(),
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    date: now.toISOString().slice(0, 10),
  };
}

export const machineText = ({ cpu, cores, memoryGiB, node, date }) =>
  `${cpu}, ${cores} cores, ${memoryGiB} GiB, Node ${node}, ${date}`;
