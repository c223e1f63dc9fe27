/** The console: starts watching the daemon and shows the page that the address asks for. */

import { render } from 'preact'
import type { JSX } from 'preact'
import { announce, daemon, goTo, route } from './console-context.ts'
import { loadSession } from './data/session.ts'
import { ClientsPage } from './pages/clients.tsx'
import { LoginPage } from './pages/login.tsx'
import { OverviewPage } from './pages/overview.tsx'
import { PeersPage } from './pages/peers.tsx'
import { PublishPage } from './pages/publish.tsx'
import { QueuesPage } from './pages/queues.tsx'
import { RulesPage } from './pages/rules.tsx'
import { TopicsPage } from './pages/topics.tsx'
import { formatRoute } from './route.ts'
import type { PageName } from './route.ts'
import { applyTheme } from './theme.ts'
import { focusSearch } from './view/search-field.tsx'
import { Shell } from './view/shell.tsx'

const pages: Readonly<Record<PageName, () => JSX.Element>> = {
  overview: OverviewPage,
  topics: TopicsPage,
  publish: PublishPage,
  queues: QueuesPage,
  clients: ClientsPage,
  peers: PeersPage,
  rules: RulesPage,
}

function App(): JSX.Element {
  if (daemon.connection.value.state === 'locked') return <LoginPage />
  const Page = pages[route.value.page]
  return (
    <Shell>
      <Page key={route.value.page} />
    </Shell>
  )
}

/** `/` leads to the search field, wherever one is; while typing it is a character like others. */
function searchByKey(event: KeyboardEvent): void {
  if (event.key !== '/' || event.ctrlKey || event.altKey || event.metaKey) return
  const { target } = event
  if (target instanceof HTMLElement && target.closest('input, textarea, select, dialog') !== null) {
    return
  }
  event.preventDefault()
  if (focusSearch()) return
  goTo(formatRoute('topics'))
  // The page is drawn after the address has changed.
  setTimeout(focusSearch, 50)
}

applyTheme()
addEventListener('keydown', searchByKey)
daemon.connection.subscribe(({ state }) => {
  if (state === 'offline') announce('The daemon does not answer')
})
daemon.returns.subscribe((returns) => {
  if (returns > 0) announce('The daemon is there again')
})
daemon.connection.subscribe(({ state }) => {
  if (state === 'online') void loadSession()
})
daemon.start()

const root = document.getElementById('app')
if (root !== null) render(<App />, root)
