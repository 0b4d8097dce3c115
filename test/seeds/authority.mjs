import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A certificate authority that lives for this run: `{ file, pem, issue(host, …) }`, where `issue` gives the certificate
 * and key of a server as PEM. Needs openssl 3.
 */
export async function makeAuthority(folder, name) {
  const at = (ending) => join(folder, `${name}.${ending}`);
  const make = async (file, section, more) => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(`${file}.key`)];
    const config = ['-config', at('cnf'), '-extensions', section];
    await run('openssl', ['req', '-x509', ...key, ...config, '-days', '2', '-out', at(`${file}.pem`), ...more]);
    return { cert: await readFile(at(`${file}.pem`), 'utf8'), key: await readFile(at(`${file}.key`), 'utf8') };
  };
  const configured = (hosts) =>
    writeFile(
      at('cnf'),
      [
        '[req]\ndistinguished_name = name\nprompt = no',
        `[name]\nCN = ${hosts[0]}`,
        '[authority]\nbasicConstraints = critical, CA:TRUE\nsubjectKeyIdentifier = hash',
        `[server]\nbasicConstraints = CA:FALSE\nsubjectAltName = ${hosts.map((it) => `DNS:${it}`).join(', ')}`,
        '',
      ].join('\n'),
    );
  await configured([`${name} of a test`]);
  // Its subject comes from the file above, so the section of hosts is not read.
  const { cert: pem } = await make('ca', 'authority', []);
  let count = 0;
  const issue = async (...hosts) => {
    await configured(hosts);
    count += 1;
    return make(`server${count}`, 'server', ['-CA', at('ca.pem'), '-CAkey', at('ca.key')]);
  };
  return { file: at('ca.pem'), pem, issue };
}
