/** R7: the IdP is down, takes 30 seconds or answers nonsense, while users of others, and its own, stay connected. */
import { fileURLToPath } from 'node:url'
import { Browser } from '../../src/demo/driver.ts'
import { authorizationRequest, obtainTokens, type Registered, register } from '../../test/support/client.ts'
import { type BadIdp, FAULTS, type Fault, OUTAGES, startBadIdp } from './bad-idp.ts'
import { type Lab, openLab, type StoreName, sleep } from './lab.ts'
import type { Proof } from './races.ts'
import { type Answered, Direct, percentile, tally } from './requests.ts'

const PROCESSES = 2
const LIMIT_MS = 5000
const REFRESHERS = 8

interface Ending {
  readonly fault: Fault
  readonly status: number
  readonly took: number
  readonly code: boolean
}

export async function proveIdp(store: StoreName, scale: number): Promise<Proof> {
  const idp = await startBadIdp()
  const adapter = fileURLToPath(new URL('company.mjs', import.meta.url))
  const { origin, clientId } = idp
  const lab = await openLab({
    store,
    processes: PROCESSES,
    idps: [
      { id: 'bad', type: 'oidc', name: 'Bad', issuer: origin, clientId, allowInsecure: true },
      { id: 'first', type: adapter, name: 'First', url: `${origin}/first` },
      { id: 'second', type: adapter, name: 'Second', url: `${origin}/second` },
    ],
    // So that each refresher is checked once a second.
    sessions: { recheckSeconds: 1, graceSeconds: 3600 },
  })
  const direct = new Direct(lab, 64)
  try {
    const client = await register(lab.url)
    const refreshes: Record<'first' | 'second', Answered[]> = { first: [], second: [] }
    let stopped = false
    const users: { readonly company: 'first' | 'second'; readonly process: number; token: string }[] = []
    for (const company of ['first', 'second'] as const) {
      for (let process = 0; process < REFRESHERS; process += 1) {
        const choices = { buttons: { idp: company }, texts: { login: `${company}-${process}` } }
        const { refresh_token: token } = await obtainTokens(lab.url, client, {}, choices)
        users.push({ company, process, token })
      }
    }
    const use = async (user: (typeof users)[number]) => {
      const form = { grant_type: 'refresh_token', client_id: client.client_id, refresh_token: user.token }
      const answer = await direct.post(user.process, '/token', form)
      refreshes[user.company].push(answer)
      if (answer.status === 200) user.token = String(answer.body.refresh_token)
    }
    // All are connected before the company goes, however long that takes on a busy machine.
    await Promise.all(users.map(use))
    const load = users.map(async (user) => {
      while (!stopped) {
        await use(user)
        await sleep(100)
      }
    })
    idp.companyDown = true
    const count = Math.max(3, Math.round(FAULTS.length * scale))
    // Each place is out of order before anything good was found there.
    const faults = [...OUTAGES, ...FAULTS].filter(({ place }) => place === 'discovery')
    const others = [...OUTAGES, ...FAULTS].filter(({ place }) => place !== 'discovery')
    const endings: Ending[] = []
    for (const fault of [...faults, ...others].slice(0, count + OUTAGES.length)) {
      endings.push(await attempt(lab, client, idp, fault))
    }
    idp.fault = undefined
    const honest = await attempt(lab, client, idp, undefined)
    stopped = true
    await Promise.all(load)
    return judge(endings, honest, refreshes, idp.asked)
  } finally {
    await direct.close()
    await lab.close()
    idp.stop()
  }
}

/** One sign-in at the bad IdP, as a browser has it. */
async function attempt(lab: Lab, client: Registered, idp: BadIdp, fault: Fault | undefined): Promise<Ending> {
  idp.fault = fault
  const request = authorizationRequest(lab.url, client)
  const browser = new Browser({ until: (url) => url.href.startsWith(request.redirectUri) })
  let visit = await browser.open(request.url)
  const press = async (name: string, value: string) => {
    const [form] = visit.page?.forms ?? []
    const button = form?.buttons.find((each) => each.name === name && each.value === value)
    if (!visit.page || !form || !button) throw new Error(`no button ${value} at ${visit.url.pathname}`)
    visit = await browser.submit(visit.page, form, button)
  }
  await press('decision', 'approve')
  const began = performance.now()
  await press('idp', 'bad')
  return {
    fault: fault ?? { name: 'nothing', place: 'token' },
    status: visit.page?.status ?? 303,
    took: performance.now() - began,
    code: visit.url.searchParams.has('code') && visit.page === undefined,
  }
}

function judge(
  endings: readonly Ending[],
  honest: Ending,
  refreshes: Readonly<Record<'first' | 'second', readonly Answered[]>>,
  asked: number,
): Proof {
  const pages: Record<string, number> = {}
  for (const { status } of endings) pages[status] = (pages[status] ?? 0) + 1
  const codes = endings.filter(({ code }) => code)
  // What is wrong with an IdP is no fault of ours.
  const broken = endings.filter(({ status }) => status < 400 || status >= 500)
  const late = endings.filter(({ took }) => took > LIMIT_MS)
  const all = [...refreshes.first, ...refreshes.second]
  const good = all.length > 0 && all.every(({ status }) => status === 200)
  const name = ({ fault, took }: Ending) => `${fault.place}: ${fault.name} (${Math.round(took)} ms)`
  const p99 = (answers: readonly Answered[]) =>
    percentile(
      answers.map(({ took }) => took),
      0.99,
    )
  return {
    ok: codes.length + broken.length + late.length === 0 && honest.code && good && asked > 0,
    figures: [
      `${endings.length} sign-ins at an IdP that was down, slow or answered wrongly: pages by status ${JSON.stringify(pages)}`,
      `  codes issued ${codes.length}, broken pages ${broken.length}, later than ${LIMIT_MS} ms ${late.length}`,
      ...[...codes, ...broken, ...late].map((ending) => `  WRONG ${name(ending)}`),
      `  slowest ${Math.round(Math.max(...endings.map(({ took }) => took)))} ms; afterwards an honest one got its code: ${honest.code}`,
      `refreshes of users of another IdP ${JSON.stringify(tally(refreshes.first))}, p99 ${p99(refreshes.first)} ms`,
      `refreshes of users whose own IdP was down ${JSON.stringify(tally(refreshes.second))}, p99 ${p99(refreshes.second)} ms`,
      `questions about users ${asked}`,
    ],
  }
}
