import { expect } from 'chai'
import { isPublicAddress } from '../../src/idp/fetch.ts'

describe('an address', () => {
  it('is public only when the whole internet can reach it', () => {
    for (const address of ['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111']) {
      expect(isPublicAddress(address), address).to.equal(true)
    }
    const special =
      '0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 168.63.129.16 169.254.169.254 172.16.0.1 192.0.0.1 192.0.2.1 192.168.0.1 ' +
      '198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:10.0.0.1 ' +
      '64:ff9b::a00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:a00:1:: 3fff::1 fc00::1 fd00:ec2::254 fe80::1 ' +
      'fec0::1 ff02::1 nonsense'
    for (const address of special.split(' ')) expect(isPublicAddress(address), address).to.equal(false)
  })
})
