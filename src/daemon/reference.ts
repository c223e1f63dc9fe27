/**
 * The reference pages under docs/reference, made from what the code itself uses: settings with
 * flags and variables, exit codes, error codes and reasons, metrics. A test compares the two.
 */

import { systemClock } from '../core/clock.ts'
import { silentLogger } from '../core/logger.ts'
import { MsgBus } from '../core/msg-bus.ts'
import { errorReasons } from '../model/errors.ts'
import { defaultLimits } from '../model/limits.ts'
import { configLeaves } from './config-leaves.ts'
import { exitCodes } from './exit-codes.ts'
import { createMetrics } from './metrics.ts'
import { configFileSetting, nodeIdText, settings } from './settings.ts'

type Page = () => string | Promise<string>

/** By name; each is the whole text of `docs/reference/<name>.md`. */
export const referencePages: ReadonlyMap<string, Page> = new Map<string, Page>([
  ['configuration', configurationPage],
  ['errors', errorsPage],
  ['metrics', metricsPage],
])

function configurationPage(): string {
  const bySetting = new Map(settings.map((setting) => [setting.path, setting]))
  const node = bySetting.get('node.id')
  const lines = [
    '# Configuration of msgbusd',
    '',
    'Settings come from the command line, the environment and a YAML file; the command line wins over the',
    'environment, the environment over the file. An empty variable counts as absent. `msgbusd config check FILE`',
    'reports every fault of a file with its line; `msgbusd config print` shows what holds and where it comes from.',
    '',
    `The file is named by \`${configFileSetting.flag} FILE\` or \`${configFileSetting.env}\`. An address is \`host:port\`,`,
    '`[::1]:port`, `:port` for every interface, or `unix:/path`; port 0 lets the system choose; `tls+` in front asks',
    'for TLS; `off` listens nowhere. A default address that is taken is skipped with a warning, one that was asked for',
    'is an error. With a server certificate every TCP address of gRPC speaks TLS.',
    '',
    'The log level can also come from `RUST_LOG`, as in the reference daemon; `MSGBUS_LOG` wins over it.',
  ]
  let section = ''
  for (const leaf of configLeaves()) {
    const name = leaf.path.split(/[.[]/, 1)[0] ?? ''
    if (name !== section) {
      section = name
      lines.push(
        '',
        `## ${name}`,
        '',
        '| setting | flag, variable | takes | default | |',
        '|---|---|---|---|---|',
      )
      if (name === 'node' && node !== undefined) {
        lines.push(
          tableRow(code(node.path), `${code(node.flag)} ${code(node.env)}`, 'text', '', nodeIdText),
        )
      }
    }
    const setting = bySetting.get(leaf.path)
    const said = setting === undefined ? '' : `${code(setting.flag)} ${code(setting.env)}`
    lines.push(tableRow(code(leaf.path), said, leaf.type, leaf.defaultText, leaf.text))
  }
  lines.push('', '## Exit codes', '', '| code | |', '|---|---|')
  for (const { code: exitCode, text } of Object.values(exitCodes)) {
    lines.push(tableRow(String(exitCode), text))
  }
  return `${lines.join('\n')}\n`
}

function errorsPage(): string {
  const lines = [
    '# Errors',
    '',
    'Every error has a code, one of the canonical codes of gRPC, which programs branch on, and a reason, a stable word',
    'for people and dashboards. gRPC carries the reason in the trailer `msgbus-reason`. Texts may change.',
    '',
    '| reason | |',
    '|---|---|',
    ...Object.entries(errorReasons).map(([reason, text]) => tableRow(code(reason), text)),
  ]
  return `${lines.join('\n')}\n`
}

async function metricsPage(): Promise<string> {
  const node = { tenantId: '', blName: '', deviceId: '' }
  const bus = new MsgBus({ node, limits: defaultLimits, clock: systemClock, logger: silentLogger })
  const metrics = createMetrics(bus, () => undefined, { administration: undefined })
  const known = await (await metrics.registry()).getMetricsAsJSON()
  metrics.close()
  const lines = [
    '# Metrics',
    '',
    'Served in the text format of Prometheus at `/metrics` of the HTTP listener and by `GetMetrics` of `msgbus.v2`.',
    'Counters start at 0 with the daemon.',
    '',
    '| metric | kind | |',
    '|---|---|---|',
    ...known.map(({ name, type, help }) => tableRow(code(name), String(type), help)),
  ]
  return `${lines.join('\n')}\n`
}

function code(text: string): string {
  return `\`${text}\``
}

function tableRow(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`.replaceAll(
    '|  |',
    '| |',
  )
}
