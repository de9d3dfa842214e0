/** Every TCP port on which a process listens, as Linux tells it. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

const LISTENING = '0A';

export function listeningPorts(pid: number): readonly number[] {
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)));
  const ports = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((row) => row.trim().split(/\s+/u))
      .filter((cells) => cells[3] === LISTENING && sockets.has(`socket:[${cells[9]}]`))
      .map((cells) => Number.parseInt(cells[1]?.split(':')[1] ?? '', 16)),
  );
  return [...new Set(ports)];
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}
