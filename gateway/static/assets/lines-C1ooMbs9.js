function e(e){return(e??[]).join(`
`)}function t(e){return e.split(/[\n]/).map(e=>e.trim()).filter(Boolean)}function n(e){return Object.entries(e??{}).map(([e,t])=>`${e}: ${t}`).join(`
`)}function r(e){return Object.fromEntries(t(e).map(e=>{let[t=``,...n]=e.split(`:`);return[t.trim(),n.join(`:`).trim()]}))}export{n as i,r as n,e as r,t};