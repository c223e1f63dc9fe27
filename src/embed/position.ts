/** How far a reader has come, to be kept and used again after a restart. Plain data: JSON keeps it. */

export interface Position {
  /** The store it belongs to; another store refuses it with `failed_precondition/bad_position`. */
  readonly epoch: string
  readonly sequence: number
}
