export const providers = {
  modelCount: (n: number) => (n === 1 ? "1 model" : `${n} models`),
};
