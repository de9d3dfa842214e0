/** An authority and certificates that it signed, made by openssl for one test; readable while the directory is. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Signed {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly ca: string;
  sign(name: string): Signed;
}

export function authority(dir: string, name: string): Authority {
  const at = (file: string): string => join(dir, `${name}-${file}`);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
  );
  return {
    ca: readFileSync(at('ca.pem'), 'utf8'),
    sign(subject) {
      const [key, csr, cert, ext] = ['key', 'csr', 'pem', 'ext'].map((end) => at(`${subject}.${end}`)) as [
        string,
        string,
        string,
        string,
      ];
      writeFileSync(ext, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
      openssl('req', '-new', ...newKey, '-keyout', key, '-out', csr, '-subj', `/CN=${subject}`);
      const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2'];
      openssl('x509', '-req', '-in', csr, '-out', cert, '-extfile', ext, ...signer);
      return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    },
  };
}
