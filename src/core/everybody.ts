/** What the daemon tells all clients of BUS/RT (spec/busrt 4.5): no right is needed to hear it. */
export const forEverybody = '.broker/warn'
