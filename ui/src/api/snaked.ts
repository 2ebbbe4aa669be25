/** A shape with its fields in snake_case, as the API documents them; the OpenAPI document names their camelCase aliases. */

type Snake<S extends string> = S extends `${infer Head}${infer Tail}`
  ? Head extends Lowercase<Head> ? `${Head}${Snake<Tail>}` : `_${Lowercase<Head>}${Snake<Tail>}`
  : S;

export type Snaked<T> = T extends readonly (infer Item)[]
  ? Snaked<Item>[]
  : T extends object
    ? { [Key in keyof T as Key extends string ? Snake<Key> : Key]: Snaked<T[Key]> }
    : T;
