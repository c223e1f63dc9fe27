/** Entry of the console. */

import { render } from 'preact'

const root = document.getElementById('app')
if (root !== null) render(<h1>msgbus</h1>, root)
