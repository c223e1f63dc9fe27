/** What the exit code of msgbusd tells; the reference page is made from this table. */

export const exitCodes = {
  ok: { code: 0, text: 'It did what was asked; for the daemon: it was told to stop and stopped.' },
  startFailed: {
    code: 1,
    text: 'It could not start or go on with what it found on this machine: a port in use, certificates, the data folder, the store.',
  },
  usage: {
    code: 2,
    text: 'The command line, the environment or the configuration file has faults; nothing was touched.',
  },
  defect: {
    code: 70,
    text: 'A defect of msgbusd; the log says where. Nothing acknowledged is lost.',
  },
} as const
