/**
 * Tells the operator when an id of the configuration was given to an IdP of another type. Accounts are keyed by the id of
 * their IdP and the subject there: whoever has the subject of an old user there, which may be a mere number, is that user
 * to us. Nothing is refused, since a module that moved is another type by name and the same IdP.
 */
import type { Store, StoredRecord } from '../store.ts'
import type { OpenIdp } from './registry.ts'

const KIND = 'IdpType'
const ADVICE =
  'the id of this IdP belonged to one of another type: users who have the same subject at both are one account; use another id unless it is the same IdP'
const DAMAGED = 'the type that this IdP had cannot be opened and is written anew: whether it changed is not known'

/** Told once for each change: the type is remembered as the new one.
 * @param damaged whether an error means that a record can never be read again
 * @throws {StoreUnavailable} */
export async function tellChangedTypes(
  store: Pick<Store, 'get' | 'put'>,
  idps: Iterable<Pick<OpenIdp, 'id' | 'type'>>,
  warn: (fields: object, message: string) => void,
  damaged: (error: unknown) => boolean,
): Promise<void> {
  for (const { id, type } of idps) {
    const known = await store.get(KIND, id).catch((err: unknown): StoredRecord | undefined => {
      if (!damaged(err)) throw err
      warn({ idp: id, err }, DAMAGED)
      return undefined
    })
    if (known?.payload === type) continue
    await store.put({ kind: KIND, id, payload: type }, 'upsert')
    if (known) warn({ idp: id, before: known.payload, type }, ADVICE)
  }
}
