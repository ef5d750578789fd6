import { expect } from 'chai'
import { Failure } from '../../src/errors.ts'
import { parseForm, parseJson } from '../../src/http/body.ts'

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof Failure && error.code === 'bad_request') return error.message
    throw error
  }
  throw new Error('nothing was refused')
}

describe('parsing JSON', () => {
  const parse = (text: string | Buffer) => parseJson(Buffer.from(text as string), { depth: 6 })

  it('gives what was sent', () => {
    const value = { a: [1, 'ü\u{1f600}', { b: null }], 'c"[{\\': '}]"' }
    expect(parse(JSON.stringify(value))).to.deep.equal(value)
  })

  it('counts levels, not brackets, and not those inside of strings', () => {
    expect(parse('[[[[[[]]]]]]')).to.be.an('array')
    expect(parse(`[${'[],'.repeat(100)}[]]`)).to.have.lengthOf(101)
    expect(parse(JSON.stringify({ a: `${'['.repeat(50)}\\"${'{'.repeat(50)}` }))).to.be.an('object')
    expect(refusal(() => parse('[[[[[[[]]]]]]]'))).to.contain('nested')
  })

  it('refuses 20 000 levels without walking them', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const deep = `${open.repeat(20_000)}1${close.repeat(20_000)}`
      expect(refusal(() => parse(deep))).to.contain('nested')
      expect(refusal(() => parse(`{"jwks":${deep}}`))).to.contain('nested')
    }
  })

  it('refuses what is not JSON, and does not repeat it', () => {
    for (const text of ['', '{', 'hunter2', '{"a":1}hunter2', '\ufeff{}', '{"a":"\0"}', ']]]]', '{"secret":hunter2}']) {
      expect(refusal(() => parse(text))).to.equal('the body is refused: it is not JSON')
    }
  })

  it('refuses what is not UTF-8', () => {
    for (const bytes of [[0xff], [0x22, 0xc3, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0xff, 0xfe, 0x7b, 0x00]]) {
      expect(refusal(() => parse(Buffer.from(bytes)))).to.contain('UTF-8')
    }
  })

  it('refuses NUL and lone surrogates in values and in names', () => {
    for (const text of ['"\\u0000"', '{"a":["\\ud800"]}', '{"\\udc00":1}', '{"a\\u0000":1}', '"\\ude00\\ud83d"']) {
      expect(refusal(() => parse(text))).to.contain('not Unicode')
    }
    expect(parse('"\\ud83d\\ude00"')).to.equal('\u{1f600}')
  })

  it('leaves __proto__ out, once or repeated, at any level', () => {
    const value = parse('{"__proto__":{"x":1},"a":{"__proto__":null,"b":1},"__proto__":{"x":2},"constructor":1}')
    expect(JSON.stringify(value)).to.equal('{"a":{"b":1},"constructor":1}')
    const copy = Object.assign({}, value) as Record<string, unknown>
    expect(Object.getPrototypeOf(copy)).to.equal(Object.prototype)
    expect(copy.x).to.equal(undefined)
  })
})

describe('parsing a form', () => {
  const parse = (text: string | Buffer) => parseForm(Buffer.from(text as string))

  it('keeps repeated fields and their order', () => {
    const form = parse('resource=a&resource=b%20c&x=1+2&y')
    expect(form.getAll('resource')).to.deep.equal(['a', 'b c'])
    expect([form.get('x'), form.get('y'), form.get('z')]).to.deep.equal(['1 2', '', null])
  })

  it('reads a leading question mark and byte order mark as the engine does', () => {
    expect([...parse('?client_id=a').keys()]).to.deep.equal(['?client_id'])
    expect([...parse('\ufeffclient_id=a').keys()]).to.deep.equal(['\ufeffclient_id'])
  })

  it('knows no nested fields', () => {
    expect(parse('client_id[$ne]=1').get('client_id')).to.equal(null)
  })

  it('refuses NUL, what is not UTF-8, and more fields than anyone needs', () => {
    expect(refusal(() => parse('a=%00'))).to.contain('not Unicode')
    expect(refusal(() => parse('a%00=1'))).to.contain('not Unicode')
    expect(refusal(() => parse(Buffer.from([0x61, 0x3d, 0xff])))).to.contain('UTF-8')
    expect(parse('a=1&'.repeat(200)).size).to.equal(200)
    expect(refusal(() => parse('a=1&'.repeat(201)))).to.contain('200 fields')
  })
})
