/** What a MongoDB URL says, read without the driver. */

/** What its path names, else `consulate`. The driver's own default is `test`. */
export function databaseOf(url: string): string {
  const [, name] = /^mongodb(?:\+srv)?:\/\/[^/?]+\/([^?]+)/.exec(url) ?? []
  return name === undefined ? 'consulate' : decodeURIComponent(name)
}

/** The hosts, without user and password. */
export function hostsOf(url: string): string {
  return /^mongodb(?:\+srv)?:\/\/(?:[^/?]*@)?([^/?@]+)/.exec(url)?.[1] ?? ''
}
