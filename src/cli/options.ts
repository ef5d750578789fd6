import { Option } from 'commander'

/** The option that names a configuration, the same for every command. */
export const CONFIG_OPTION = () =>
  new Option('-c, --config <file>', 'the configuration (default: $CONSULATE_CONFIG, else ./consulate.yaml)')
