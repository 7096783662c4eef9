import type { ProviderName } from '../../model/index.ts'
import { atlassian } from './atlassian.ts'
import { github } from './github.ts'
import { google } from './google.ts'
import { microsoft } from './microsoft.ts'
import type { Provider } from './provider.ts'
import { salesforce } from './salesforce.ts'
import { slack } from './slack.ts'

export const catalogue: Readonly<Record<ProviderName, Provider>> = {
  github,
  google,
  microsoft,
  slack,
  atlassian,
  salesforce,
}
