import { expect } from 'chai'
import { parse, problemsIn, sound } from './support.ts'

const URL = 'mongodb://consulate:S3cret@db1,db2/consulate'
const withStore = (store: unknown) => ({ ...sound(), store })
const withUrl = (url: string) => withStore({ type: 'mongodb', url })

describe('the URL of a MongoDB', () => {
  for (const options of [
    'replicaSet=rs0&tls=true&tlsCAFile=/etc/ca.pem',
    'authSource=admin&authMechanism=SCRAM-SHA-256',
    'retryWrites=true&w=majority&appName=Cluster0',
    'W=MAJORITY&journal=true&j=true&readPreference=primary&readConcernLevel=majority&ssl=true',
    'tlsInsecure=false&directConnection=true&compressors=zlib',
  ]) {
    it(`may say ${options}`, async () => {
      const { config } = await parse(withUrl(`${URL}?${options}`))
      expect(config.store).to.deep.equal({ type: 'mongodb', url: `${URL}?${options}` })
    })
  }

  for (const [options, name] of [
    ['w=1', 'w'],
    ['W=0', 'W'],
    ['%77=1', 'w'],
    ['w=majority&w=1', 'w'],
    ['j=false', 'j'],
    ['journal=false', 'journal'],
    ['appName=a?b&journal=false', 'journal'],
    ['wtimeout=1', 'wtimeout'],
    ['wtimeoutMS=1', 'wtimeoutMS'],
    ['fsync=false', 'fsync'],
    ['readPreference=secondaryPreferred', 'readPreference'],
    ['readConcernLevel=local', 'readConcernLevel'],
    ['retryWrites=false', 'retryWrites'],
    ['retryReads=false', 'retryReads'],
    ['tlsInsecure=true', 'tlsInsecure'],
    ['tlsAllowInvalidCertificates=true', 'tlsAllowInvalidCertificates'],
    ['tlsAllowInvalidHostnames=true', 'tlsAllowInvalidHostnames'],
    ['maxPoolSize=1', 'maxPoolSize'],
    ['socketTimeoutMS=0', 'socketTimeoutMS'],
    ['serverSelectionTimeoutMS=90000', 'serverSelectionTimeoutMS'],
    ['timeoutMS=1', 'timeoutMS'],
    ['promoteValues=false', 'promoteValues'],
    ['checkServerIdentity=false', 'checkServerIdentity'],
  ]) {
    it(`may not say ${options}, and the remedy names the option`, async () => {
      const [problem, ...more] = await problemsIn(withUrl(`${URL}?${options}`))
      expect(more).to.deep.equal([])
      expect(problem?.path).to.equal('store.url')
      expect(problem?.remedy).to.match(new RegExp(`^Remove the option ${name}: `))
      expect(JSON.stringify(problem)).to.not.include('S3cret')
    })
  }

  for (const [what, store] of Object.entries({
    'in place of the whole setting': 'mongodb://consulate:S3c/ret@db1/c',
    'as the type': { type: 'mongodb://consulate:S3c/ret"x@db1/c' },
    'as a name': { type: 'mongodb', 'mongodb://consulate:S3c/ret@db1/c': true },
    'as the path of the embedded store': { type: 'embedded', path: 'mongodb://consulate:S3c/ret@db1/c' },
    'with a question mark in its password': { type: 'mongodb', url: 'mongodb://consulate:a?S3c/ret@db1/c' },
  })) {
    it(`never shows its password when it is written ${what}`, async () => {
      const problems = await problemsIn(withStore(store))
      expect(problems.length).to.be.above(0)
      expect(JSON.stringify(problems)).to.not.match(/S3c|ret"?x?@/)
    })
  }
})
