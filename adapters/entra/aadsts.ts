/**
 * What the error codes of Entra mean here: the reason, who must act, and in what words. Data only; `refusals.ts` turns it
 * into refusals, and the table in `docs/idps/entra.md` is held to it. The codes are those of the page "Microsoft Entra
 * authentication & authorization error codes", and of the look-up that it names, https://login.microsoftonline.com/error.
 */
import type { Refusal } from '../../src/adapter.ts'

export interface AadstsRow {
  /** The digits after `AADSTS`. */
  readonly codes: readonly number[]
  readonly reason: Refusal
  /** Who must act. `wait` is nobody: it passes. */
  readonly act: 'user' | 'admin' | 'operator' | 'wait'
  /** What happened, for the user and the operator alike. */
  readonly cause: string
  /** Who must do what. `{redirectUri}` and `{clientId}` stand for those of this IdP. */
  readonly remedy: string
  readonly link?: 'consent'
  /** It is our credential that was refused, so another one may be good. */
  readonly credential?: true
  /** It is about the application in the whole tenant: no decision about the user at whose re-check it shows. */
  readonly everyone?: true
}

export const AADSTS: readonly AadstsRow[] = [
  {
    codes: [50105],
    reason: 'not_allowed',
    act: 'admin',
    cause: 'Your organisation lets only assigned people use this server, and your account is not assigned to it.',
    remedy:
      'An administrator of your organisation must assign you, or a group that you are in directly, to the enterprise application {clientId} (Users and groups).',
  },
  {
    codes: [53003, 50131, 530032, 530034, 530035, 53011, 50005],
    reason: 'not_allowed',
    act: 'admin',
    cause: 'A Conditional Access policy or security setting of your organisation does not allow this sign-in.',
    remedy:
      'Try again from a network and a device of your organisation. If that does not help, an administrator must look at the sign-in log for the policy that applied.',
  },
  {
    codes: [53000, 53001, 53002, 530002, 530003, 50097, 50127, 50129, 50155, 50187],
    reason: 'not_allowed',
    act: 'user',
    cause: 'Your organisation allows this sign-in only from a device or an app that it manages.',
    remedy: 'Connect again from a managed device that meets the policies of your organisation.',
  },
  {
    codes: [50076, 50074, 50078, 50158],
    reason: 'denied',
    act: 'user',
    cause: 'Your organisation asks for multifactor authentication.',
    remedy: 'Go back to the application and connect again; you will be asked for the second factor.',
  },
  {
    codes: [50079, 50072, 53004, 53010, 50125],
    reason: 'denied',
    act: 'user',
    cause: 'Your organisation asks for a second factor, and you have not registered one.',
    remedy:
      'Register your security information at https://aka.ms/mysecurityinfo, then go back to the application and connect again.',
  },
  {
    codes: [65001, 90094, 90095, 90008, 650056, 65005],
    reason: 'not_allowed',
    act: 'admin',
    cause: 'Your organisation has not agreed yet that this server may sign its people in.',
    remedy: 'An administrator of your organisation must consent once, by the link below or in the Entra admin center.',
    link: 'consent',
    everyone: true,
  },
  {
    codes: [65004],
    reason: 'denied',
    act: 'user',
    cause: 'You did not agree that this server may read who you are.',
    remedy: 'Go back to the application and connect again, and accept on the page of Microsoft.',
  },
  {
    codes: [50011, 500113, 900971, 70004],
    reason: 'invalid',
    act: 'operator',
    cause: 'The redirect URI of this server is not registered.',
    remedy:
      'The people who run this server must add {redirectUri} to the app registration {clientId}, under Authentication, platform Web, letter by letter.',
  },
  {
    codes: [9002325, 9002327, 700025],
    reason: 'invalid',
    act: 'operator',
    cause: 'The redirect URI of this server is registered for another kind of application.',
    remedy:
      'The people who run this server must remove {redirectUri} from the platforms Single-page application and Mobile and desktop, and add it to the platform Web.',
  },
  {
    codes: [7000215, 70002, 7000218],
    reason: 'invalid',
    act: 'operator',
    cause: 'The client secret of this server is not right.',
    remedy:
      'The people who run this server must configure the value of a client secret of the app registration {clientId}, not its ID.',
    credential: true,
  },
  {
    codes: [7000222],
    reason: 'invalid',
    act: 'operator',
    cause: 'The client secret of this server has expired.',
    remedy: 'The people who run this server must make a new client secret for {clientId} and configure its value.',
    credential: true,
  },
  {
    codes: [700027, 50012, 700030, 7000214, 50048],
    reason: 'invalid',
    act: 'operator',
    cause: 'The certificate of this server is not accepted.',
    remedy:
      'The people who run this server must upload the configured certificate to the app registration {clientId} (Certificates & secrets), and check that it has not expired.',
    credential: true,
  },
  {
    codes: [700024],
    reason: 'invalid',
    act: 'operator',
    cause: 'The assertion of this server is outside its time: the clock is wrong, or the federated token is old.',
    remedy: 'The people who run this server must set its clock by NTP, and check that the token file is renewed.',
    credential: true,
  },
  {
    codes: [70021, 700211, 700212, 700213, 700223],
    reason: 'invalid',
    act: 'operator',
    cause: 'No federated credential of the app registration fits the token of this server.',
    remedy:
      'The people who run this server must give {clientId} a federated credential with exactly the issuer, subject and audience of the token in the file.',
    credential: true,
  },
  {
    codes: [700222, 700226, 700229],
    reason: 'invalid',
    act: 'operator',
    cause: 'The federated token of this server was issued by Entra itself, which does not take its own.',
    remedy:
      'The people who run this server must configure the token of another platform or of a managed identity, not that of a user or of another app registration.',
    credential: true,
  },
  {
    codes: [700016, 70001, 700011],
    reason: 'invalid',
    act: 'operator',
    cause: 'The application of this server does not exist in this tenant.',
    remedy:
      'The people who run this server must check clientId ({clientId}) and tenant; in another tenant, an administrator of it must consent first.',
  },
  {
    codes: [7000112, 1000031],
    reason: 'not_allowed',
    act: 'admin',
    cause: 'An administrator has disabled the application of this server.',
    remedy:
      'An administrator must enable the enterprise application {clientId} (Properties, Enabled for users to sign-in).',
    everyone: true,
  },
  {
    codes: [50194, 9001023, 9002332],
    reason: 'invalid',
    act: 'operator',
    cause: 'The app registration does not allow accounts of every kind of tenant that this server is configured for.',
    remedy:
      'The people who run this server must configure one tenant, or change the supported account types of {clientId}.',
  },
  {
    codes: [90002, 90038, 50059, 50128, 50049],
    reason: 'invalid',
    act: 'operator',
    cause: 'The tenant is not known in this cloud.',
    remedy:
      'The people who run this server must check tenant and authority: each national cloud has its own sign-in host.',
  },
  {
    codes: [9010010, 901002, 650052, 650053, 650054, 650057, 70011, 28002, 28003, 700022, 500011, 50001],
    reason: 'invalid',
    act: 'operator',
    cause: 'The permissions that were asked for are not those of one API that Entra knows.',
    remedy:
      'The people who run this server must check graph and groups.from, the API permissions of {clientId}, and that no proxy adds a resource parameter.',
  },
  {
    codes: [900144, 90014, 9002313, 90023, 90004, 90015, 90019],
    reason: 'invalid',
    act: 'operator',
    cause: 'Entra could not read the request of this server.',
    remedy:
      'The people who run this server must check that no proxy on the way to Entra changes requests, and report it with the log line.',
  },
  {
    codes: [50020, 50034, 51004, 90072, 16000, 16003, 50014, 500208, 50107],
    reason: 'not_allowed',
    act: 'user',
    cause: 'The account you chose does not exist in the organisation that this server is for.',
    remedy:
      'Connect again with your account of that organisation, or ask one of its administrators to invite you as a guest.',
  },
  {
    codes: [500021, 500022, 50002, 500212, 500213],
    reason: 'not_allowed',
    act: 'admin',
    cause: 'A tenant restriction or cross-tenant access policy does not let your account into this organisation.',
    remedy: 'An administrator must allow it, in your organisation (outbound access) or in the other (inbound access).',
  },
  {
    codes: [50057],
    reason: 'not_allowed',
    act: 'admin',
    cause: 'Your account is disabled.',
    remedy: 'An administrator of your organisation must enable it again.',
  },
  {
    codes: [50053, 50055, 50056, 50064, 50126, 50144, 50135],
    reason: 'denied',
    act: 'user',
    cause: 'Your password was not accepted, has expired, or your account is locked for a while.',
    remedy:
      'Sign in to https://myaccount.microsoft.com to put it right, then go back to the application and connect again.',
  },
  {
    codes: [50173, 50132, 50133, 50089, 50085, 50139, 70000, 70008, 70043, 700082, 700084],
    reason: 'denied',
    act: 'user',
    cause: 'Your sign-in has ended: it was revoked, your password changed, or it was too long ago.',
    remedy: 'Go back to the application and connect again.',
  },
  {
    codes: [50058, 50140, 50143, 50197, 16001, 54005, 501481],
    reason: 'denied',
    act: 'user',
    cause: 'The sign-in was interrupted, or its answer was used already.',
    remedy: 'Go back to the application and connect again.',
  },
  {
    codes: [
      90033, 90006, 90012, 90024, 90055, 90090, 50033, 50087, 50088, 50196, 50000, 40010, 70012, 80001, 80002, 80014,
    ],
    reason: 'unavailable',
    act: 'wait',
    cause: 'Microsoft Entra ID cannot answer at the moment.',
    remedy: 'Try again in a few minutes.',
  },
]
