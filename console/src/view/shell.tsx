/** What is around every page: where one can go, whether the daemon is there, and the choice of colours. */

import { useEffect, useRef, useState } from 'preact/hooks'
import type { ComponentChildren, JSX } from 'preact'
import { announce, announcement, daemon, now, route } from '../console-context.ts'
import { logOut, session } from '../data/session.ts'
import { formatDuration } from '../format.ts'
import { formatRoute, pageNames } from '../route.ts'
import type { PageName } from '../route.ts'
import { chooseTheme, theme, themes } from '../theme.ts'
import type { Theme } from '../theme.ts'
import { Choice } from './choice.tsx'
import { Icon } from './icon.tsx'
import { Mark } from './mark.tsx'

export const pageTitles: Readonly<Record<PageName, string>> = {
  overview: 'Overview',
  topics: 'Topics',
  publish: 'Publish',
  queues: 'Queues',
  clients: 'Clients',
  peers: 'Peers',
  rules: 'Rules',
}

export function Shell({ children }: { readonly children: ComponentChildren }): JSX.Element {
  const [isMenuOpen, setMenuOpen] = useState(false)
  const main = useRef<HTMLElement>(null)
  const { page } = route.value
  const isFirst = useRef(true)
  useEffect(() => {
    document.title = `${pageTitles[page]} · msgbus`
    setMenuOpen(false)
    // The page that has just been opened by its address keeps its focus at the top.
    if (!isFirst.current) main.current?.querySelector('h1')?.focus()
    isFirst.current = false
    scrollTo(0, 0)
  }, [page])
  return (
    <div class="shell">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // The part of the address behind # says where one is; it must stay.
          event.preventDefault()
          main.current?.focus()
        }}
      >
        Skip to content
      </a>
      <header class="side">
        <div class="side-top">
          <a class="brand" href={formatRoute('overview')}>
            <Mark />
            <span>msgbus</span>
          </a>
          <ConnectionDot />
          <button
            type="button"
            class="button button-quiet menu-button"
            aria-expanded={isMenuOpen}
            aria-controls="menu"
            onClick={() => setMenuOpen(!isMenuOpen)}
          >
            <Icon name={isMenuOpen ? 'close' : 'menu'} />
            <span class="visually-hidden">Menu</span>
          </button>
        </div>
        <div id="menu" class={isMenuOpen ? 'menu open' : 'menu'}>
          <nav aria-label="Pages">
            <ul>
              {pageNames.map((name) => (
                <li key={name}>
                  <a
                    class="nav-link"
                    href={formatRoute(name)}
                    aria-current={name === page ? 'page' : undefined}
                    onClick={() => setMenuOpen(false)}
                  >
                    <Icon name={name} />
                    <span>{pageTitles[name]}</span>
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <div class="side-foot">
            <DemoLink />
            <UserPart />
            <Choice
              label="Colours"
              options={themes.map((value) => ({ value, text: <ThemeName theme={value} /> }))}
              value={theme.value}
              onChange={chooseTheme}
            />
          </div>
        </div>
      </header>
      <main id="main" ref={main} class="main" tabIndex={-1}>
        <OfflineNotice />
        <UpdateNotice />
        {children}
      </main>
      <p class="visually-hidden" role="status">
        {announcement.value}
      </p>
    </div>
  )
}

async function leave(): Promise<void> {
  await logOut().catch((error: unknown) => announce(String(error)))
  daemon.retry()
}

/** Who one is, and the way out; nothing where nobody has to be anybody. */
function UserPart(): JSX.Element | null {
  const known = session.value
  if (known === undefined || known.open) return null
  return (
    <div class="user-part">
      <span class="user-name" title={known.groups.join(', ')}>
        {known.user}
      </span>
      {known.csrfToken !== undefined && (
        <button type="button" class="button button-quiet" onClick={() => void leave()}>
          Log out
        </button>
      )}
    </div>
  )
}

/** The demo page of the text bus, where there is one. */
function DemoLink(): JSX.Element | null {
  const listeners = daemon.status.value?.listeners ?? []
  if (!listeners.some(({ protocol }) => protocol === 'tmb')) return null
  return (
    <a class="demo-link" href="/demo/">
      Text bus demo
    </a>
  )
}

const themeIcons = { system: 'system', light: 'sun', dark: 'moon' } as const
const themeNames = { system: 'As the system', light: 'Light', dark: 'Dark' } as const

function ThemeName({ theme: name }: { readonly theme: Theme }): JSX.Element {
  return (
    <span class="theme-name" title={themeNames[name]}>
      <Icon name={themeIcons[name]} />
      <span class="visually-hidden">{themeNames[name]}</span>
    </span>
  )
}

const connectionNames = {
  connecting: 'Connecting',
  online: 'Connected',
  offline: 'Not connected',
  locked: 'Not logged in',
} as const

function ConnectionDot(): JSX.Element {
  const { state } = daemon.connection.value
  return (
    <span class={`connection connection-${state}`} title={connectionNames[state]}>
      <span class="connection-name">{connectionNames[state]}</span>
    </span>
  )
}

/** The daemon is another one than this page came from: the two may not fit. */
function UpdateNotice(): JSX.Element | null {
  const version = daemon.status.value?.version
  const first = useRef(version)
  first.current ??= version
  if (version === first.current) return null
  return (
    <div class="notice notice-bad" role="alert">
      <Icon name="alert" />
      <p class="notice-body">The daemon is version {version} now; this page is of another.</p>
      <button type="button" class="button" onClick={() => location.reload()}>
        Reload
      </button>
    </div>
  )
}

/** The connection is lost: what is shown is old, and what one can do. */
function OfflineNotice(): JSX.Element | null {
  const connection = daemon.connection.value
  if (connection.state !== 'offline') return null
  const waitMs = connection.retryAtMs - now.value
  return (
    <div class="notice notice-bad" role="alert">
      <Icon name="alert" />
      <div class="notice-body">
        <p class="notice-title">The daemon does not answer</p>
        <p>
          {daemon.status.value === undefined
            ? 'See that msgbusd runs on '
            : 'What you see is from before. See that msgbusd runs on '}
          <strong>{location.host}</strong>.{' '}
          <span aria-hidden="true">
            {waitMs > 0 ? `Trying again in ${formatDuration(waitMs)}.` : 'Trying again …'}
          </span>
        </p>
        {connection.why !== 'The daemon does not answer.' && <p>{connection.why}</p>}
      </div>
      <button type="button" class="button" onClick={() => daemon.retry()}>
        Try now
      </button>
    </div>
  )
}
