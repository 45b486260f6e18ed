// The servers behind the gateway: their names there, and what is checked of each.
export const SERVERS = [
    ['everything', 'everything'],
    ['everything-own', 'own'],
    ['filesystem', 'filesystem'],
    ['memory', 'memory'],
    ['time', 'time'],
    ['git', 'git'],
    ['py-dual', 'python'],
    ['py-handshake', 'python'],
    ['ts-dual', 'typescript'],
    ['ts-stateless', 'typescript'],
    ['ts-handshake', 'typescript'],
    ['rs-dual', 'rust'],
    ['rs-stateless', 'rust'],
    ['rs-handshake', 'rust'],
];
